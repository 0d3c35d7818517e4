using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Platform;

/// <summary><c>platform id</c>: GET_ID2.</summary>
internal static class PlatformIdCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<PlatformIdOptions>(
        "kvmsev platform id [OPTIONS]",
        """
        One identity of 64 bytes for each processor. AMD hands out the signed CEK of a
        chip at the printed address; kvmsev itself never uses the network. A model's
        chip is unknown to AMD.
        """,
        [
            new VerbExample("Which chip is this?", "platform", "id", "--model", "psp"),
            new VerbExample("On hardware, for a script:", "platform", "id", "--json"),
        ],
        Execute);

    private const int IdSize = 64;

    // Source: sevctl, which fetches the CEK from there.
    private const string CekService = "https://kdsintf.amd.com/cek/id/";

    private static int Execute(PlatformIdOptions options, CliContext context)
    {
        using PlatformAccess platform = PlatformAccess.Open(options, context);
        byte[] ids = platform.Commands.GetId();
        FactSheet sheet = platform.BeginAnswer();
        string[] chips = [.. ids.Chunk(IdSize).Where(static id => id.AsSpan().ContainsAnyExcept((byte)0)).Select(Convert.ToHexStringLower)];
        sheet.Add("ids", chips);
        sheet.Add("CEK addresses", platform.Model is null ? chips.Select(static chip => CekService + chip) : []);
        sheet.Write("kvmsev.platform-id/1", options.Json, context);
        platform.WarnOfSimulation(options, context);
        return ExitCode.Success;
    }
}
