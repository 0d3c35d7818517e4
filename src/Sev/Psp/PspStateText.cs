using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Sev.Psp;

/// <summary>The specifications' names of states.</summary>
internal static class PspStateText
{
    internal static string NameOf(SevGuestState state) => state switch
    {
        SevGuestState.Uninitialized => "UNINIT",
        SevGuestState.LaunchUpdate => "LUPDATE",
        SevGuestState.LaunchSecret => "LSECRET",
        SevGuestState.Running => "RUNNING",
        SevGuestState.SendUpdate => "SUPDATE",
        SevGuestState.ReceiveUpdate => "RUPDATE",
        SevGuestState.Sent => "SENT",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "no guest state"),
    };

    internal static string NameOf(SnpGuestState state) => state switch
    {
        SnpGuestState.Initialized => "INIT",
        SnpGuestState.Launch => "LAUNCH",
        SnpGuestState.Running => "RUNNING",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "no guest state"),
    };
}
