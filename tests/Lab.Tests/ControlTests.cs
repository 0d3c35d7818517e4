using System.Globalization;
using System.Text.Json;
using KvmSevVmm.TestSupport.Sharing;

namespace KvmSevVmm.Lab.Tests;

/// <summary>The control socket of simulated SEV guests that boot an unmodified Debian kernel.</summary>
public sealed class ControlTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-control-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Guests_AreWatchedStoppedAndEnded()
    {
        string[] seen = RunScript();

        AssertMapsEqualTheJournal(seen);
        AssertStandsStillAndGoesOn(seen);
        Assert.Contains("ended: exit code 0, socket gone", seen);
        Assert.Equal("quit", ReadJson("ended.json").GetProperty("stop").GetProperty("reason").GetString());
    }

    private static ulong Hex(JsonElement value) =>
        ulong.Parse(value.GetString()!.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private string[] RunScript()
    {
        string? reason = Laboratory.SkipReason("kvmsev", "labprobe");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        LabOutput run = Laboratory.RunScript(
            "control.sh", _folder, "--file", Repository.Artifact("labprobe"), "--file", Repository.Artifact("libMonoPosixHelper.so"));
        return run.Output.Split('\n', StringSplitOptions.TrimEntries);
    }

    /// <summary>Each map that was dumped while the guest booted is what its calls up to then come to, replayed one by one.</summary>
    private void AssertMapsEqualTheJournal(string[] seen)
    {
        string[] maps = File.ReadAllLines(PathOf("maps.jsonl"));
        JsonElement[] calls = [.. File.ReadLines(PathOf("journal.jsonl")).Select(static line => JsonDocument.Parse(line).RootElement)];
        NaiveMap? naive = null;
        long replayed = 0;
        foreach (string text in maps)
        {
            JsonElement map = JsonDocument.Parse(text).RootElement;
            naive ??= new NaiveMap(map.GetProperty("ram").EnumerateArray().Select(
                static range => (Hex(range.GetProperty("start")), Hex(range.GetProperty("end")))));
            for (long generation = map.GetProperty("generation").GetInt64(); replayed < generation; replayed++)
            {
                JsonElement call = calls[replayed];
                Assert.Equal(replayed + 1, call.GetProperty("generation").GetInt64());
                ulong encrypted = call.GetProperty("state").GetString() == "private" ? 1UL << 4 : 0;
                Assert.True(naive.TryApply(Hex(call.GetProperty("gpa")), call.GetProperty("pages").GetUInt64(), encrypted));
            }

            Assert.Null(naive.FindDifferenceInJson(text));
        }

        Assert.True(maps.Length >= 20, $"{maps.Length} maps");
        Assert.True(replayed >= 500, $"{replayed} calls");
        Assert.Contains("watched: exit code 0, socket gone", seen);
    }

    private void AssertStandsStillAndGoesOn(string[] seen)
    {
        foreach (string line in (string[])
            [
                """stop: status: {"status":"paused","running":false}""", "stop: no exit more: yes", "stop: no word more: yes",
                "stop: the clock stood still: yes",
                """cont: status: {"status":"running","running":true}""", "cont: the guest goes on: yes", "cpus: 2",
                "driven: exit code 0, socket gone",
            ])
        {
            Assert.True(seen.Contains(line), $"no '{line}' among:\n{string.Join('\n', seen)}");
        }

        // Who listens from before the start hears of that too.
        Assert.Contains(seen, static line => line is "events: STOP,RESUME,POWERDOWN,SHUTDOWN"
            or "events: RESUME,STOP,RESUME,POWERDOWN,SHUTDOWN");

        // Only a guest that stands still has registers that can be read.
        Assert.Contains(seen, static line => line.StartsWith("stop: labels: ", StringComparison.Ordinal) && line.Contains("kvm-clock"));
        Assert.Equal("power-off", ReadJson("driven.json").GetProperty("stop").GetProperty("reason").GetString());

        // Nothing in the guest took the stop for a fault.
        Assert.DoesNotMatch("rcu.*stall|soft lockup|Marking clocksource|timekeeping watchdog", File.ReadAllText(PathOf("driven.log")));
    }

    private JsonElement ReadJson(string name) => JsonDocument.Parse(File.ReadAllText(PathOf(name))).RootElement;

    private string PathOf(string name) => Path.Combine(_folder, "out", name);
}
