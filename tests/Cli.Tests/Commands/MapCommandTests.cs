using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>The map verbs on golden files.</summary>
public sealed class MapCommandTests : IDisposable
{
    private const string SimulatedLine = "kvmsev: the guest was simulated: nothing is encrypted and nothing is confidential\n";
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Show_IsATable()
    {
        CliResult result = CliRunner.Run("map", "show", Golden.Path("a.json"));

        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.Equal(Golden.Text("a.table"), result.Output);
        Assert.All(result.Output.Split('\n'), line => Assert.True(line.Length <= 80));
        Assert.Equal(result.Output, CliRunner.Run("map", "show", Golden.Path("a.json"), "--format", "table").Output);
    }

    [Theory]
    [InlineData("json", "a.json")]
    [InlineData("csv", "a.csv")]
    public void Show_LosslessForms_AreTheGoldenFiles(string format, string golden)
    {
        Assert.Equal(Golden.Text(golden), CliRunner.Run("map", "show", Golden.Path("a.json"), "--format", format).Output);
        Assert.Equal(Golden.Text(golden), CliRunner.Run("map", "show", Golden.Path("a.csv"), "--format", format).Output);
        Assert.Equal(Golden.Text(golden), CliRunner.Run("map", "show", Golden.Path("a.bitmap"), "--format", format).Output);
    }

    [Fact]
    public void Show_Json_IsShortForTheFormat()
    {
        Assert.Equal(Golden.Text("a.json"), CliRunner.Run("map", "show", "--json", Golden.Path("a.csv")).Output);
        Assert.Equal(Golden.Text("a.json"), CliRunner.Run("map", "show", "--json", "--format=json", Golden.Path("a.csv")).Output);
    }

    [Fact]
    public void Show_Bitmap_IsWrittenWithItsHeader()
    {
        CliResult result = CliRunner.Run("map", "show", Golden.Path("a.json"), "--format", "bitmap", "--output", _directory.File("m"));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(["m", "m.json"], _directory.Names);
        Assert.Equal(File.ReadAllBytes(Golden.Path("a.bitmap")), File.ReadAllBytes(_directory.File("m")));
        Assert.Equal(Golden.Text("a.bitmap.json"), File.ReadAllText(_directory.File("m.json")));
    }

    [Fact]
    public void Bitmap_Golden_IsTwoBitsAPage()
    {
        // 0x90 pages private, 0x10 unreported; then 0x10 shared, 0x11 private, 1 shared, 0x1e unreported; four pages a byte, lowest bits
        // first.
        byte[] expected =
        [
            .. Enumerable.Repeat((byte)0b01_01_01_01, 36), .. new byte[4],
            .. Enumerable.Repeat((byte)0b10_10_10_10, 4), .. Enumerable.Repeat((byte)0b01_01_01_01, 4), 0b00_00_10_01, .. new byte[7],
        ];

        Assert.Equal(expected, File.ReadAllBytes(Golden.Path("a.bitmap")));
    }

    [Fact]
    public void Show_Output_IsWrittenToTheFile()
    {
        CliResult result = CliRunner.Run("map", "show", Golden.Path("a.json"), "--format", "csv", "--output", _directory.File("out"));

        Assert.Empty(result.Output);
        Assert.Equal(Golden.Text("a.csv"), File.ReadAllText(_directory.File("out")));
    }

    [Fact]
    public void Show_BadOptions_AreUsage()
    {
        string map = Golden.Path("a.json");
        CliRunner.Run("map", "show", map, "--format", "jsno").AssertFailure(64, "--format: unknown value 'jsno'", "did you mean 'json'?");
        CliRunner.Run("map", "show", map, "--format", "csv", "--json").AssertFailure(64, "--json and --format csv contradict each other");
        CliRunner.Run("map", "show", map, "--format", "bitmap")
            .AssertFailure(64, "--format bitmap needs --output FILE", "the header is written to FILE.json");
        CliRunner.Run("map", "show", map, "--format", "bitmap", "--output", "-")
            .AssertFailure(64, "--format bitmap needs --output FILE", "the header is written to FILE.json");
    }

    [Fact]
    public void Show_BadFile_IsExplained()
    {
        string garbage = _directory.File("garbage");
        File.WriteAllText(garbage, "not a map");
        string truncated = _directory.File("truncated.json");
        File.WriteAllText(truncated, Golden.Text("a.json")[..200]);
        string empty = _directory.File("empty");
        File.WriteAllText(empty, string.Empty);

        CliRunner.Run("map", "show", _directory.File("absent")).AssertFailure(66, $"map file: no such file: '{_directory.File("absent")}'");
        CliRunner.Run("map", "show", _directory.Root).AssertFailure(65, $"map file: {_directory.Root}: is a directory, not a file");
        CliRunner.Run("map", "show", garbage)
            .AssertFailure(65, $"{garbage}: format: is neither JSON nor CSV, and there is no '{garbage}.json' that would make it a bitmap");
        Assert.Equal(65, CliRunner.Run("map", "show", empty).ExitCode);
        CliResult cut = CliRunner.Run("map", "show", truncated);
        Assert.Equal(65, cut.ExitCode);
        Assert.StartsWith($"kvmsev: {truncated}: ", Assert.Single(cut.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Show_BadFile_LeavesTheOutputUntouched()
    {
        string output = _directory.File("out");
        File.WriteAllText(output, "before");

        Assert.Equal(65, CliRunner.Run("map", "show", _directory.Kernel, "--output", output).ExitCode);

        Assert.Equal("before", File.ReadAllText(output));
        Assert.Equal(["out"], _directory.Names);
    }

    [Fact]
    public void Diff_SameMap_IsZero()
    {
        CliResult result = CliRunner.Run("map", "diff", Golden.Path("a.json"), Golden.Path("a.csv"));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("no difference\n", result.Output);
        Assert.Equal(SimulatedLine, result.Error);
    }

    [Fact]
    public void Diff_OtherMap_IsOne_AndListed()
    {
        CliResult result = CliRunner.Run("map", "diff", Golden.Path("a.json"), Golden.Path("b.json"));

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(SimulatedLine, result.Error);
        Assert.Equal(Golden.Text("diff.table"), result.Output);
    }

    [Fact]
    public void Diff_Json_HasTheSameChanges()
    {
        CliResult different = CliRunner.Run("map", "diff", Golden.Path("a.json"), Golden.Path("b.json"), "--json");
        CliResult same = CliRunner.Run("map", "diff", Golden.Path("a.json"), Golden.Path("a.json"), "--json");

        Assert.Equal(1, different.ExitCode);
        Assert.Equal(
            Golden.Text("diff.json"),
            different.Output.Replace(Golden.Path("a.json"), "A", StringComparison.Ordinal)
                .Replace(Golden.Path("b.json"), "B", StringComparison.Ordinal));
        Assert.Equal(0, same.ExitCode);
        JsonElement root = JsonDocument.Parse(same.Output).RootElement;
        Assert.False(root.GetProperty("different").GetBoolean());
        Assert.Equal(0, root.GetProperty("changes").GetArrayLength());
    }

    [Fact]
    public void Diff_ManyChanges_StayOneDocument()
    {
        // Every second page of 64 MiB: more than the command holds at once.
        string before = _directory.File("before.csv");
        string after = _directory.File("after.json");
        MapFiles.WriteAlternating(before, after, 16384);

        JsonElement root = JsonDocument.Parse(CliRunner.Run("map", "diff", before, after, "--json").Output).RootElement;

        Assert.Equal(8192, root.GetProperty("changes").GetArrayLength());
        Assert.Equal(8192UL, root.GetProperty("differentPages").GetUInt64());
    }

    [Fact]
    public void Diff_MissingFile_IsNotADifference() =>
        CliRunner.Run("map", "diff", Golden.Path("a.json"), "/no/such").AssertFailure(66, "map file: no such file: '/no/such'");

    [Fact]
    public void At_Addresses_InTheirOrder()
    {
        CliResult result = CliRunner.Run(
            "map", "at", Golden.Path("a.json"), "0x121fff", "0", "0x90000", "1048576", "0x13ffff", "0x1000", "0x121000");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            """
            0x121fff         shared     [0x121000, 0x122000)
            0x0              private    [0x0, 0x90000)
            0x90000          unreported [0x90000, 0xa0000)
            0x100000         shared     [0x100000, 0x110000) swiotlb
            0x13ffff         unreported [0x122000, 0x140000)
            0x1000           private    [0x0, 0x90000)
            0x121000         shared     [0x121000, 0x122000)

            """,
            result.Output);
    }

    [Theory]
    [InlineData("0xa0000")]
    [InlineData("0xfffff")]
    [InlineData("0x140000")]
    [InlineData("0xffffffffffffffff")]
    public void At_OutsideRam_IsOne(string address)
    {
        CliResult result = CliRunner.Run("map", "at", Golden.Path("a.json"), "0x1000", address);

        Assert.Equal(1, result.ExitCode);
        Assert.Equal($"0x1000           private    [0x0, 0x90000)\n{address.PadRight(16)} -\n", result.Output);
    }

    [Fact]
    public void At_Json_SaysTheSame()
    {
        CliResult result = CliRunner.Run("map", "at", "--json", Golden.Path("a.json"), "0x100000", "0xa0000");

        Assert.Equal(1, result.ExitCode);
        JsonElement[] addresses = [.. JsonDocument.Parse(result.Output).RootElement.GetProperty("addresses").EnumerateArray()];
        Assert.Equal(
            """{"gpa":"0x100000","isRam":true,"state":"shared","start":"0x100000","end":"0x110000","label":"swiotlb"}""",
            Compact(addresses[0]));
        Assert.Equal("""{"gpa":"0xa0000","isRam":false}""", Compact(addresses[1]));
    }

    [Fact]
    public void At_BadAddress_IsUsage() =>
        CliRunner.Run("map", "at", Golden.Path("a.json"), "0x1000", "ff")
            .AssertFailure(64, "GPA: 'ff' is not a number", "write it in decimal, or in hexadecimal with 0x");

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);
}
