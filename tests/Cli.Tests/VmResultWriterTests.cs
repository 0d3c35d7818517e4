using System.Text;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Tests;

public sealed class VmResultWriterTests
{
    [Fact]
    public void Write_FullResult_IsTheGoldenFile()
    {
        SharedRegionTracker tracker = new([GpaRange.FromBounds(0, 0x10000)]);
        tracker.Set(GpaRange.FromBounds(0x2000, 0x4000), PageState.Shared);
        tracker.Set(GpaRange.FromBounds(0x8000, 0xb000), PageState.Private);
        VmResult result = new()
        {
            Mode = SevMode.Simulated,
            CBitPosition = 39,
            Reason = StopReason.MonitorError,
            GuestCode = 0x100,
            Detail = "exit reason 17, \"sub\" 1",
            Failure = new IOException("disk full: 'ü.jsonl'\n"),
            Times = new VmTimes
            {
                StartedAt = new DateTimeOffset(2026, 1, 2, 4, 4, 5, 678, TimeSpan.FromHours(1)),
                Start = TimeSpan.FromMicroseconds(1500),
                FirstRun = TimeSpan.FromMilliseconds(12.5),
                FirstConsoleByte = TimeSpan.FromSeconds(1.25),
                UntilMatched = TimeSpan.FromTicks(61_234_567),
                End = TimeSpan.FromSeconds(7),
            },
            ExitsByKind = new Dictionary<string, ulong> { ["mmio"] = 2, ["io"] = 12345, ["hypercall"] = 646 },
            Hypercalls = new HypercallCounts
            {
                Accepted = 643,
                RejectedByCause = new Dictionary<string, ulong> { ["zero-pages"] = 1, ["unaligned-address"] = 2 },
            },
            UnclaimedPortAccesses = 10,
            UnclaimedMmioAccesses = 20,
            UnknownMsrs = [new UnknownMsrCount(0xc001_1029, 1, 2), new UnknownMsrCount(0x140, 3, 0)],
            Map = tracker.Snapshot(),
            MigrationReady = false,
            WasMigrationReady = true,
            PeakRssBytes = 18_000_000,
            GuestMemoryBytes = 0x10000,
            LaunchMeasurement = new byte[] { 0xAB, 0xCD, 0x01 },
            LaunchDigest = new byte[] { 0xEF, 0x02 },
        };

        Assert.Equal(Golden.Text("result-full.json"), Write(result, 74));
    }

    [Fact]
    public void Write_LeastResult_IsTheGoldenFile() =>
        Assert.Equal(
            Golden.Text("result-least.json"),
            Write(FakeMachine.Result(new VmConfig { Boot = new BootConfig("k", null, string.Empty) }, StopReason.PowerOff), 0));

    [Theory]
    [InlineData(SevMode.None, "none", "none: ")]
    [InlineData(SevMode.Simulated, "simulated", "none: SEV is simulated")]
    [InlineData(SevMode.Sev, "sev", "AMD SEV: ")]
    [InlineData(SevMode.SevEs, "sev-es", "AMD SEV-ES: ")]
    [InlineData(SevMode.SevSnp, "sev-snp", "AMD SEV-SNP: ")]
    public void Mode_HasItsWords(SevMode mode, string word, string protection)
    {
        Assert.Equal(word, SevModeWords.WordFor(mode));
        Assert.StartsWith(protection, SevModeWords.ProtectionFor(mode), StringComparison.Ordinal);
    }

    [Fact]
    public void Mode_EachOne_HasWords()
    {
        SevMode[] modes = Enum.GetValues<SevMode>();

        Assert.Equal(modes.Length, modes.Select(SevModeWords.WordFor).Distinct().Count());
        Assert.Equal(modes.Length, modes.Select(SevModeWords.ProtectionFor).Distinct().Count());
    }

    private static string Write(VmResult result, int exitCode)
    {
        using MemoryStream output = new();
        VmResultWriter.Write(result, exitCode, output);
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
