using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform rotate</c>: PDH_GEN, or PEK_GEN.</summary>
internal static class PlatformRotateCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformRotateOptions>(
        "kvmsev platform rotate [OPTIONS]",
        """
        Guests that run go on. Owners need a new export ('kvmsev platform export')
        before their next session.
        """,
        [
            new VerbExample("A new Diffie-Hellman key:", "platform", "rotate", "--model", "psp"),
            new VerbExample("On hardware, everything but the chip's key:", "platform", "rotate", "--pek", "--yes"),
        ],
        Execute);

    private static int Execute(PlatformRotateOptions options, CliContext context)
    {
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        if (options.Pek)
        {
            platform.RequireConfirmation(options.Yes, "a new PEK ends the ownership and makes every session void");
            platform.Commands.GeneratePek();
        }
        else
        {
            platform.RequireConfirmation(options.Yes, "a new PDH makes every session void that was made for the old one");
            platform.Commands.GeneratePdh();
        }

        platform.BeginAnswer()
            .Add("done", options.Pek ? "PEK_GEN" : "PDH_GEN")
            .Add("PDH fingerprint", ReadFingerprint(platform, context))
            .Write("kvmsev.platform-rotate/1", options.Json, context);
        platform.WarnOfSimulation(options, context);
        return ExitCode.Success;
    }

    // The old key is gone, whatever comes now: an error here would look as if it were not.
    private static string? ReadFingerprint(PlatformAccess platform, CliContext context)
    {
        try
        {
            PdhExport export = platform.Commands.ExportPdh();
            return Convert.ToHexStringLower(SevCertificate.Parse(export.Pdh.Span, $"{platform.Name} (PDH)").GetFingerprint());
        }
        catch (SevCommandFailedException refused)
        {
            context.Log.Warning("The new keys are made, but cannot be exported: {Problem}", refused.Message);
            return null;
        }
    }
}
