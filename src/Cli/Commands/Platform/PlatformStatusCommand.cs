using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform status</c>: PLATFORM_STATUS and, where there is one, SNP_PLATFORM_STATUS.</summary>
internal static class PlatformStatusCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformStatusOptions>(
        "kvmsev platform status [OPTIONS]",
        """
        The owner is 'self' until 'platform import' puts an owner's signature on the
        platform's key. TCB versions are those that SNP reports carry.
        """,
        [
            new VerbExample("What does the firmware say?", "platform", "status"),
            new VerbExample("A software model, made on first use:", "platform", "status", "--model", "psp"),
        ],
        Execute);

    private static int Execute(PlatformStatusOptions options, CliContext context)
    {
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        SevPlatformStatus status = platform.Commands.GetStatus();
        FactSheet sheet = platform.BeginAnswer()
            .Add("firmware", VersionValue.Format(status.Firmware))
            .Add("state", WordFor(status.State))
            .Add("owner", status.IsExternallyOwned ? "external" : "self")
            .Add("SEV-ES", status.IsEsEnabled)
            .Add("guests", status.GuestCount);
        AddSnp(sheet.AddSection("SNP"), platform);
        sheet.Write("kvmsev.platform-status/1", options.Json, context);
        return ExitCode.Success;
    }

    private static void AddSnp(FactSheet sheet, PlatformAccess platform)
    {
        SnpPlatformStatus snp;
        try
        {
            snp = platform.Model?.GetSnpStatus() ?? ((KernelSevPlatform)platform.Commands).GetSnpStatus();
        }
        catch (SevCommandFailedException refused)
        {
            // Older kernels have no such command, and firmware without SNP refuses it: that is an answer, not a failure.
            sheet.Add("available", false).Add("reason", refused.Message);
            return;
        }

        sheet.Add("available", true)
            .Add("firmware", snp.Firmware.ToString())
            .Add("initialized", snp.IsInitialized)
            .Add("RMP initialized", snp.IsRmpInitialized)
            .Add("guests", snp.GuestCount)
            .Add("current TCB", snp.CurrentTcb.ToString())
            .Add("reported TCB", snp.ReportedTcb.ToString());
    }

    private static string WordFor(SevPlatformState state) => state switch
    {
        SevPlatformState.Uninitialized => "uninitialized",
        SevPlatformState.Initialized => "initialized",
        SevPlatformState.Working => "working",
        _ => $"unknown ({(int)state})",
    };
}
