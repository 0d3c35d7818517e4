using System.Text.Json.Nodes;
using KvmSevVmm.Cli.Tests.Schemas;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Tests.Control;

namespace KvmSevVmm.Cli.Tests.Commands.Control;

/// <summary>The map verbs on a guest that runs.</summary>
public sealed class LiveMapTests
{
    private static GpaRange Queue => new(new Gpa(0x5000), 0x1000);

    [Fact]
    public void Show_OfASocket_IsTheGuestsMap()
    {
        using ControlSocket socket = new();
        socket.Machine.SharedRegions.Set(Queue, PageState.Shared);

        CliResult shown = CliRunner.Run("map", "show", "--socket", socket.Path, "--json");

        Assert.Equal(string.Empty, shown.Error);
        JsonSchemas.AssertFits(shown.Output);
        Assert.Equal(WithoutTime(socket.Ctl("map").Output), WithoutTime(shown.Output));
        Assert.Equal(WithoutTime(shown.Output), WithoutTime(CliRunner.Run("map", "show", socket.Path, "--json").Output));
        Assert.Contains("virtqueue 0 of disk0", CliRunner.Run("map", "show", socket.Path).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Diff_OfAFileAndASocket_IsWhatChangedSince()
    {
        using ControlSocket socket = new();
        string before = socket.Directory.File("before.json");
        File.WriteAllText(before, CliRunner.Run("map", "show", "--socket", socket.Path, "--json").Output);
        Assert.Equal(0, CliRunner.Run("map", "diff", before, socket.Path).ExitCode);

        socket.Machine.SharedRegions.Set(Queue, PageState.Shared);

        CliResult diff = CliRunner.Run("map", "diff", before, socket.Path);
        Assert.Equal(1, diff.ExitCode);
        Assert.Contains("1 pages in 1 ranges differ", diff.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void At_OfASocket_SaysSinceWhen()
    {
        using ControlSocket socket = new();
        socket.Machine.SharedRegions.Set(Queue, PageState.Shared, vcpu: 1);

        CliResult at = CliRunner.Run("map", "at", "--socket", socket.Path, "0x5123", "0x9000", "0xffffffffff");
        CliResult json = CliRunner.Run("map", "at", "--socket", socket.Path, "0x5123", "--json");

        Assert.Equal(1, at.ExitCode);
        string[] lines = at.Output.Split('\n');
        Assert.Matches(
            @"^0x5123           shared     \[0x5000, 0x6000\) virtqueue 0 of disk0, since [0-9]+\.[0-9]{6} s \(call 1, vCPU 1\)$",
            lines[0]);
        Assert.Equal("0x9000           unreported [0x6000, 0x4000000)", lines[1]);
        Assert.Equal("0xffffffffff     -", lines[2]);
        JsonSchemas.AssertFits(json.Output);
        JsonNode since = JsonNode.Parse(json.Output)!["addresses"]![0]!["since"]!;
        Assert.Equal((1, 1), ((int)since["generation"]!, (int)since["vcpu"]!));
    }

    [Fact]
    public void Check_OfASocket_LooksAtTheGuestsMap()
    {
        using ControlSocket socket = new();

        CliResult check = CliRunner.Run("map", "check", "--socket", socket.Path);

        Assert.Equal(string.Empty, check.Error);
        Assert.Contains("NOT CHECKED", check.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("show")]
    [InlineData("check")]
    public void Socket_BesideAFile_IsUsage(string verb) =>
        CliRunner.Run("map", verb, "map.json", "--socket", "guest.sock").AssertFailure(
            ExitCode.Usage, "FILE and --socket both name a map; give one of them");

    [Theory]
    [InlineData("show", "show {FILE|--socket PATH}")]
    [InlineData("check", "check {FILE|--socket PATH}")]
    [InlineData("at", "at {FILE|--socket PATH} GPA...")]
    public void NoMap_IsUsage(string verb, string usage) =>
        CliRunner.Run("map", verb).AssertFailure(ExitCode.Usage, "an argument is missing", $"usage: kvmsev map {usage} [OPTIONS]");

    [Fact]
    public void At_WithoutAddress_IsUsage()
    {
        const string Usage = "usage: kvmsev map at {FILE|--socket PATH} GPA... [OPTIONS]";

        CliRunner.Run("map", "at", "map.json").AssertFailure(ExitCode.Usage, "an argument is missing", Usage);
        CliRunner.Run("map", "at", "--socket", "guest.sock").AssertFailure(ExitCode.Usage, "an argument is missing", Usage);
    }

    [Fact]
    public void Guest_ThatHasEnded_IsARefusal()
    {
        using ControlSocket socket = new();
        socket.Control.End(StopReason.PowerOff);

        CliRunner.Run("map", "show", socket.Path).AssertFailure(ExitCode.Failure, "the machine refuses: The guest does not run");
    }

    [Fact]
    public void Socket_ThatIsNotThere_IsNoInput() =>
        CliRunner.Run("map", "show", "--socket", "none.sock").AssertFailure(ExitCode.NoInput, "none.sock: no such socket");

    [Fact]
    public void Timeline_OfASocket_IsBadInput()
    {
        using ControlSocket socket = new();

        Assert.Equal(ExitCode.BadInput, CliRunner.Run("map", "timeline", socket.Path).ExitCode);
    }

    // 16,777,216 runs, about 1 GiB of JSON.
    [Fact]
    public async Task Show_Of64GiBOfAlternatingPages_TakesLessThan200MiB()
    {
        SharedRegionTracker tracker = new([new GpaRange(default, 64UL << 30)]);
        for (ulong page = 0; page < 64UL << 18; page += 2)
        {
            tracker.Set(new GpaRange(new Gpa(page * GuestPage.Size), GuestPage.Size), PageState.Shared);
        }

        using ControlSocket socket = new(new FakeRunningMachine { SharedRegions = tracker });

        (int exitCode, string output, long peak) = await ProcessTests.RunAndMeasure(
            "map", "show", "--socket", socket.Path, "--format", "svg");

        Assert.Equal(0, exitCode);
        Assert.EndsWith("</svg>\n", output, StringComparison.Ordinal);
        Assert.InRange(peak, 1, 200 * 1024);
    }

    private static string WithoutTime(string json)
    {
        JsonObject map = JsonNode.Parse(json)!.AsObject();
        Assert.True(map.Remove("capturedAt"));
        return map.ToJsonString();
    }
}
