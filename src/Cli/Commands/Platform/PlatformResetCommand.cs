using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform reset</c>: FACTORY_RESET.</summary>
internal static class PlatformResetCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformResetOptions>(
        "kvmsev platform reset [OPTIONS]",
        """
        Only the chip's own key stays. The platform must have no guests. The firmware
        initializes itself with new keys when it is next used.
        """,
        [
            new VerbExample("Start a model afresh:", "platform", "reset", "--model", "psp"),
            new VerbExample("On hardware:", "platform", "reset", "--yes"),
        ],
        Execute);

    private static int Execute(PlatformResetOptions options, CliContext context)
    {
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        platform.RequireConfirmation(options.Yes, "a reset destroys owner, PEK and PDH; nothing brings them back");
        platform.Commands.FactoryReset();
        platform.BeginAnswer().Add("done", "FACTORY_RESET").Write("kvmsev.platform-reset/1", options.Json, context);
        platform.WarnOfSimulation(options, context);
        return ExitCode.Success;
    }
}
