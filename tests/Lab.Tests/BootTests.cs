using System.Text.Json;
using KvmSevVmm.TestSupport.Sharing;

namespace KvmSevVmm.Lab.Tests;

/// <summary>An unmodified Debian kernel, booted as a simulated SEV guest on a real kvm_amd by scripts/boot.sh.</summary>
public sealed class BootTests
{
    private readonly BootFixture _boot;

    public BootTests(BootFixture boot)
    {
        _boot = boot;
    }

    [Fact]
    public void Boot_EndsWithItsChecksPassed() => Assert.True(_boot.Run.ExitCode == 0, $"{_boot.Run.Output}\n{_boot.Run.Error}");

    [Fact]
    public void Kernel_SaysThatSevIsActive()
    {
        string console = _boot.Read("console.log");

        Assert.Contains("Memory Encryption Features active: AMD SEV", console, StringComparison.Ordinal);
        Assert.Contains("kvmsev-guest: init reached", console, StringComparison.Ordinal);
    }

    [Fact]
    public void Kernel_MakesItsHypercalls_AndNoneIsRefused()
    {
        JsonElement result = _boot.ReadJson("result.json");

        long accepted = result.GetProperty("hypercalls").GetProperty("accepted").GetInt64();
        Assert.True(accepted >= 500, $"{accepted} hypercalls");
        Assert.Equal(0, result.GetProperty("hypercalls").GetProperty("rejected").GetInt64());
        Assert.Equal(accepted, result.GetProperty("exits").GetProperty("hypercall").GetInt64());
        Assert.True(result.GetProperty("migrationReady").GetBoolean());
        Assert.True(result.GetProperty("simulated").GetBoolean());
    }

    [Fact]
    public void Map_EqualsANaiveReplayOfTheEventLog()
    {
        IReadOnlyList<MapGpaRangeEvent> calls = EventLogReader.ReadMapGpaRangeCalls(_boot.PathOf("events.jsonl"));
        JsonElement map = _boot.ReadJson("map.json");
        var naive = new NaiveMap(map.GetProperty("ram").EnumerateArray().Select(static range =>
            (EventLogReader.Hex(range.GetProperty("start")), EventLogReader.Hex(range.GetProperty("end")))));

        naive.Replay(calls);

        Assert.True(naive.Accepted >= 500, $"{naive.Accepted} calls in the log");
        Assert.Null(naive.FindDifferenceInJson(_boot.Read("map.json")));
        Assert.Equal(naive.Accepted, map.GetProperty("generation").GetInt64());
        Assert.Equal((long)naive.Count("shared"), map.GetProperty("totals").GetProperty("sharedPages").GetInt64());
        Assert.Equal((long)naive.Count("private"), map.GetProperty("totals").GetProperty("privatePages").GetInt64());
    }

    [Fact]
    public void Map_SaysSimulatedAndWhereTheCBitIs()
    {
        JsonElement vm = _boot.ReadJson("map.json").GetProperty("vm");

        Assert.Equal("simulated", vm.GetProperty("mode").GetString());
        Assert.Equal(39, vm.GetProperty("cBit").GetInt32());
        Assert.Equal(512L << 20, vm.GetProperty("memoryBytes").GetInt64());
    }

    [Fact]
    public void EventLog_ShowsTheGuestReadingSevStatusAndDeclaringItselfReady()
    {
        string[] lines = File.ReadAllLines(_boot.PathOf("events.jsonl"));

        Assert.Contains(
            lines,
            static line => line.Contains("\"msr-read\"", StringComparison.Ordinal)
                && line.Contains("0xc0010131", StringComparison.Ordinal));
        Assert.Contains(
            lines,
            static line => line.Contains("\"msr-write\"", StringComparison.Ordinal)
                && line.Contains("\"index\":\"0x4b564d08\",\"value\":\"0x1\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Map_SaysWhatItsRangesAreUsedFor()
    {
        Dictionary<string, string?> labels = [];
        foreach (JsonElement range in _boot.ReadJson("map.json").GetProperty("ranges").EnumerateArray())
        {
            if (range.TryGetProperty("label", out JsonElement label))
            {
                labels[label.GetProperty("text").GetString()!] = label.GetProperty("certainty").GetString();
            }
        }

        // The console names the bounce buffers, KVM's registers the clocks, the loader its own; the rest follows from the calls.
        Assert.Equal("exact", labels["swiotlb"]);
        Assert.Equal("exact", labels["kvm-clock"]);
        Assert.Equal("exact", labels["loader: initrd"]);
        Assert.Equal("likely", labels["kernel start"]);
        Assert.Equal("likely", labels[".bss..decrypted"]);
        Assert.Equal("likely", labels["DMA atomic pool"]);
    }

    [Fact]
    public void Monitor_WithItsModelOfTheFirmware_TakesAtMost28MiBBesideItsGuest()
    {
        // 20 MiB are the monitor's (scripts/bench.sh), 8 MiB the software PSP's, which plays the hardware's part, and its OpenSSL's.
        long bytes = _boot.ReadJson("result.json").GetProperty("peakRssBytes").GetInt64();

        Assert.InRange(bytes, 1, 28 << 20);
    }
}
