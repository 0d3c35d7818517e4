using System.Text;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>map check</c>: what looks wrong.</summary>
internal static class MapCheckCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MapCheckOptions>(
        "kvmsev map check {FILE|--socket PATH} [OPTIONS]",
        """
        Looks for pages that change back and forth, virtqueues in private memory,
        sharing of what is not RAM, shared code of the kernel, and more shared memory
        than bounce buffers and other known uses explain. What cannot be looked at is
        NOT CHECKED, which is not the same as ok.

        Exit codes: 0 nothing found, 1 something found, others as for every verb.
        """,
        [
            new VerbExample("Does this map look right?", "map", "check", "map.json"),
            new VerbExample("And that of a guest that runs?", "map", "check", "--socket", "guest.sock"),
            new VerbExample(
                "With all that can be known:",
                "map", "check", "map.json", "--event-log", "events.jsonl", "--console", "console.log", "--system-map", "System.map"),
        ],
        Execute);

    private static int Execute(MapCheckOptions options, CliContext context)
    {
        bool isLog = false;
        SharedRegionMap map = options.Socket is string socket ? LiveMap.Read(socket) : MapFile.Read(options.File!, out isLog);
        string? path = options.EventLog ?? (isLog ? options.File : null);
        ConversionCounts? counts = path is null ? null : new ConversionCounts();
        EventLogReplay? log = path is null ? null : EventLogFile.Replay("--event-log", path, null, counts!.Observe);
        map = options.Label(map, log);
        IReadOnlyList<CheckResult> results = MapCheck.Run(map, counts);
        context.Write(options.Json ? Json(map, results) : Lines(results));
        MapFile.WarnOfSimulation(options, context, map);
        return results.Any(static result => result.Verdict == CheckVerdict.Found) ? ExitCode.Failure : ExitCode.Success;
    }

    private static string Lines(IReadOnlyList<CheckResult> results)
    {
        StringBuilder text = new();
        foreach (CheckResult result in results)
        {
            string verdict = result.Verdict switch
            {
                CheckVerdict.Ok => "ok",
                CheckVerdict.Found => "FOUND",
                _ => "NOT CHECKED",
            };
            text.Append($"{verdict,-11} {result.Name}: {OneLine.Clean(result.Detail)}\n");
            foreach (string finding in result.Findings)
            {
                text.Append($"              {OneLine.Clean(finding)}\n");
            }
        }

        return text.ToString();
    }

    private static string Json(SharedRegionMap map, IReadOnlyList<CheckResult> results) => JsonAnswer.Make("kvmsev.map-check/1", json =>
    {
        json.WriteString("mode"u8, map.Mode);
        json.WriteStartArray("checks"u8);
        foreach (CheckResult result in results)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, result.Name);
            json.WriteString("verdict"u8, result.Verdict switch
            {
                CheckVerdict.Ok => "ok",
                CheckVerdict.Found => "found",
                _ => "not-checked",
            });
            json.WriteString("detail"u8, result.Detail);
            json.WriteStartArray("findings"u8);
            foreach (string finding in result.Findings)
            {
                json.WriteStringValue(finding);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
