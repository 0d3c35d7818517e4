using System.Globalization;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>A SEV-ES or SNP guest's request to be terminated: the value it left in the GHCB MSR.</summary>
/// <remarks>Source: AMD GHCB 56421, termination request; the reasons of set 1 from Linux, asm/sev-common.h.</remarks>
public static class GhcbTermination
{
    private const int SetShift = 12;
    private const int ReasonShift = 16;

    /// <summary>Takes the value out of the exit.</summary>
    /// <param name="systemEvent">KVM_SYSTEM_EVENT_SEV_TERM.</param>
    /// <returns>The low 32 bits of the GHCB MSR; 0 from a kernel that does not tell.</returns>
    internal static int Code(ref KvmRunSystemEvent systemEvent) => systemEvent.Ndata > 0 ? unchecked((int)systemEvent.Data[0]) : 0;

    /// <summary>What the guest says, one clause.</summary>
    /// <param name="value">The low 32 bits of the GHCB MSR.</param>
    public static string Describe(uint value)
    {
        uint set = (value >> SetShift) & 0xF;
        uint reason = (value >> ReasonShift) & 0xFF;
        string words = (set, reason) switch
        {
            (0, 0) => "a general request",
            (0, 1) => "the host's GHCB protocol is not one that the guest speaks",
            (0, 2) => "the host does not offer a SEV-SNP feature that the guest needs",
            (1, 0) => "Linux could not register its GHCB",
            (1, 1) => "Linux could not change the state of a page",
            (1, 2) => "Linux could not validate a page",
            (1, 3) => "Linux does not run at VMPL 0",
            (1, 4) => "Linux found the CPUID page invalid",
            (1, 5) => "Linux could not read CPUID from the host",
            (1, 6) => "Linux found the secrets page invalid",
            (1, 7) => "Linux runs below VMPL 0 without an SVSM",
            (1, 8) => "Linux found an SVSM although it runs at VMPL 0",
            (1, 9) => "Linux found the SVSM's calling area invalid",
            _ => "a reason that only the guest knows",
        };
        return string.Create(CultureInfo.InvariantCulture, $"GHCB reason set {set}, reason {reason}: {words}");
    }
}
