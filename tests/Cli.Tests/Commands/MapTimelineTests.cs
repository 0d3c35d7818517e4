using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>Timeline, diff by kind and check, on the logs of two real boots.</summary>
public sealed class MapTimelineTests : IDisposable
{
    private const string Machine =
        """{"t":0.1,"event":"machine","mode":"simulated","cBit":39,"memoryBytes":1048576,"hypercallAbi":"map-gpa-range","""
        + """ "time":"2026-01-01T00:00:00.0000000Z"}"""
        + "\n" + """{"t":0.1,"event":"region","gpa":"0x0","pages":256,"label":"RAM","certainty":"exact"}""" + "\n";

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Timeline_OfABoot_IsATable()
    {
        CliResult result = CliRunner.Run("map", "timeline", Boots.Kaslr);

        Assert.Equal(0, result.ExitCode);
        Boots.AssertGolden("kaslr1g.timeline", result.Output);
        Assert.All(result.Output.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public void Timeline_WithConsoleAndSymbols_IsExact()
    {
        string json = CliRunner.Run(
            "map", "timeline", Boots.Kaslr, "--console", Boots.Console, "--system-map", Boots.Symbols, "--json").Output;

        Boots.AssertGolden("kaslr1g.timeline.json", json);
        Dictionary<string, string?> certainties = [];
        foreach (JsonElement step in JsonDocument.Parse(json).RootElement.GetProperty("steps").EnumerateArray())
        {
            if (step.TryGetProperty("label", out JsonElement label))
            {
                certainties[label.GetString()!] = step.GetProperty("certainty").GetString();
            }
        }

        Assert.Equal("exact", certainties["swiotlb"]);
        Assert.Equal("exact", certainties[".bss..decrypted"]);
        Assert.Equal("likely", certainties["kernel start"]);
    }

    [Fact]
    public void Timeline_OfTwoBoots_NamesTheSameKinds()
    {
        string[] kaslr = Kinds(Boots.Kaslr);

        Assert.Equal(kaslr, Kinds(Boots.NoKaslr));
        Assert.Superset(new HashSet<string> { "kernel start", ".bss..decrypted", "swiotlb", "DMA atomic pool" }, kaslr.ToHashSet());

        static string[] Kinds(string log) =>
        [
            .. JsonDocument.Parse(CliRunner.Run("map", "timeline", log, "--json").Output).RootElement.GetProperty("steps").EnumerateArray()
                .Where(step => step.TryGetProperty("label", out _)).Select(step => step.GetProperty("label").GetString()!).Distinct(),
        ];
    }

    [Fact]
    public void Diff_OfTwoBootsByKind_IsNoDifference_ThoughPagesDiffer()
    {
        Assert.Equal(1, CliRunner.Run("map", "diff", Boots.NoKaslr, Boots.Kaslr).ExitCode);

        CliResult byKind = CliRunner.Run("map", "diff", Boots.NoKaslr, Boots.Kaslr, "--by-kind");

        Boots.AssertGolden("diff.kinds", byKind.Output);
        Assert.Equal(0, byKind.ExitCode);
        JsonElement json = JsonDocument.Parse(
            CliRunner.Run("map", "diff", Boots.NoKaslr, Boots.Kaslr, "--by-kind", "--json").Output).RootElement;
        Assert.False(json.GetProperty("different").GetBoolean());
        Assert.Contains(json.GetProperty("kinds").EnumerateArray(), kind => kind.GetProperty("label").GetString() == "swiotlb"
            && kind.GetProperty("a").GetProperty("sharedPages").GetInt32() == 16384 && !kind.GetProperty("different").GetBoolean());
    }

    [Fact]
    public void Diff_OfTwoMomentsByKind_IsADifference()
    {
        // Before the bounce buffers and after.
        CliResult result = CliRunner.Run("map", "diff", Boots.Kaslr + "@2.0", Boots.Kaslr, "--by-kind");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("* swiotlb ", result.Output, StringComparison.Ordinal);
        Assert.Contains("kinds differ (marked *)", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Diff_OfTwoMoments_IsWhatHappenedBetween()
    {
        CliResult result = CliRunner.Run("map", "diff", Boots.Kaslr + "@0", Boots.Kaslr + "@999999");

        Assert.Equal(1, result.ExitCode);
        Assert.Equal(CliRunner.Run("map", "diff", Boots.Kaslr + "@0", Boots.Kaslr).Output, result.Output);
        Assert.Equal("no difference\n", CliRunner.Run("map", "diff", Boots.Kaslr + "@999999", Boots.Kaslr).Output);
    }

    [Fact]
    public void Diff_ByKindAndExact_Contradict() =>
        CliRunner.Run("map", "diff", Boots.Kaslr, Boots.Kaslr, "--by-kind", "--exact")
            .AssertFailure(64, "--by-kind and --exact contradict each other");

    [Fact]
    public void Check_OfABoot_FindsNothing_AndSaysWhatItDidNotLookAt()
    {
        CliResult result = CliRunner.Run("map", "check", Boots.Kaslr, "--system-map", Boots.Symbols);

        Assert.Equal(0, result.ExitCode);
        Boots.AssertGolden("kaslr1g.check", result.Output);
    }

    [Fact]
    public void Check_OfAMapAlone_IsMostlyNotChecked()
    {
        CliResult result = CliRunner.Run("map", "check", Golden.Path("a.json"), "--json");

        Assert.Equal(0, result.ExitCode);
        JsonElement[] checks = [.. JsonDocument.Parse(result.Output).RootElement.GetProperty("checks").EnumerateArray()];
        Assert.Equal(4, checks.Count(check => check.GetProperty("verdict").GetString() == "not-checked"));
    }

    [Fact]
    public void Check_OfAGuestThatMisbehaves_FindsIt()
    {
        string log = _directory.File("bad.jsonl");
        File.WriteAllText(
            log,
            Machine
            + Call("0x0", 256, "0x10", 0)
            + string.Concat(Enumerable.Range(0, 6).Select(i => Call("0x3000", 1, i % 2 == 0 ? "0x0" : "0x10", 0)))
            + Call("0x7f0000000", 1, "0x0", -22));

        CliResult result = CliRunner.Run("map", "check", log);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FOUND       flapping-pages: 1 ranges changed", result.Output, StringComparison.Ordinal);
        Assert.Contains("[0x3000, 0x4000) changed its state 5 times", result.Output, StringComparison.Ordinal);
        Assert.Contains("FOUND       shared-outside-ram: 1 calls", result.Output, StringComparison.Ordinal);
        Assert.Contains("[0x7f0000000, 0x7f0001000) is not RAM", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_RingInPrivateMemoryAndUnexplainedSharing_AreFound()
    {
        string map = _directory.File("ring.csv");
        File.WriteAllText(
            map,
            """
            # schema=kvmsev.encryption-map/1
            # mode=simulated
            # cBit=39
            # memoryBytes=67108864
            # pageSize=4096
            # generation=3
            # capturedAt=2025-01-31T23:59:59.1234567Z
            # migrationReady=true
            # privatePages=8192
            # sharedPages=8192
            # unreportedPages=0
            # ram=0x0-0x4000000
            start,end,pages,state,label,certainty
            0x0,0x1000,1,private,virtqueue 0 of disk0,exact
            0x1000,0x2000000,8191,private,,
            0x2000000,0x2100000,256,shared,swiotlb,exact
            0x2100000,0x4000000,7936,shared,,

            """);

        CliResult result = CliRunner.Run("map", "check", map);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FOUND       rings-in-private-memory: 1 rings", result.Output, StringComparison.Ordinal);
        Assert.Contains("virtqueue 0 of disk0: 0x0 is private", result.Output, StringComparison.Ordinal);
        Assert.Contains("FOUND       unexplained-shared: 31 MiB are shared", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_SharedKernelText_IsFound()
    {
        string log = _directory.File("text.jsonl");
        string lines = File.ReadAllText(Boots.Kaslr).TrimEnd('\n');
        string time = lines[(lines.LastIndexOf("{\"t\":", StringComparison.Ordinal) + 5)..].Split(',')[0];
        ulong text = TextOf(CliRunner.Run("map", "show", Boots.Kaslr, "--system-map", Boots.Symbols, "--format", "csv").Output);
        File.WriteAllText(
            log,
            lines + "\n"
            + $$"""{"t":{{time}},"event":"map-gpa-range","vcpu":0,"gpa":"0x{{text:x}}","pages":1,"attributes":"0x0","result":0}""" + "\n");

        CliResult result = CliRunner.Run("map", "check", log, "--system-map", Boots.Symbols);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FOUND       shared-kernel-text: 1 ranges", result.Output, StringComparison.Ordinal);

        static ulong TextOf(string csv) => Convert.ToUInt64(
            csv.Split('\n').First(line => line.Contains(",kernel text,exact", StringComparison.Ordinal)).Split(',')[0], 16);
    }

    [Theory]
    [InlineData("{\"t\":0.1,\"event\":\"lifecycle\",\"name\":\"start\"}\n", "machine")]
    [InlineData(
        "{\"t\":0.1,\"event\":\"region\",\"gpa\":\"0x10\",\"pages\":1,\"label\":\"RAM\",\"certainty\":\"exact\"}\n", "line 1, region")]
    [InlineData(
        "{\"t\":0.1,\"event\":\"region\",\"gpa\":\"0x0\",\"pages\":99999999999999999,\"label\":\"RAM\",\"certainty\":\"exact\"}\n",
        "line 1, region")]
    [InlineData("{\"t\":0.1,\"event\":\"map-gpa-range\",\"vcpu\":0}\n", "line 1, map-gpa-range")]
    [InlineData("{\"t\":0.1,\"event\":\"conversion\",\"vcpu\":0,\"gpa\":\"0x0\",\"pages\":1}\n", "line 1, conversion")]
    [InlineData("{\"t\":\"x\"}\n", "line 1, t")]
    [InlineData("{\"t\":0.2,\"event\":\"x\"}\n{\"t\":0.1,\"event\":\"x\"}\n", "line 2, t")]
    [InlineData("{\"t\":1e99,\"event\":\"x\"}\n", "line 1, t")]
    [InlineData("{\"t\":0.2,\"event\":\n\n", "line 1, event")]
    public void Timeline_BadLog_NamesTheField(string text, string field)
    {
        string log = _directory.File("log.jsonl");
        File.WriteAllText(log, text);

        CliResult result = CliRunner.Run("map", "timeline", log);

        Assert.Equal(65, result.ExitCode);
        Assert.StartsWith($"kvmsev: {log}: {field}: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Timeline_LogThatIsCutShort_IsReadUpToThere()
    {
        string log = _directory.File("log.jsonl");
        File.WriteAllText(log, Machine + Call("0x0", 256, "0x10", 0) + "{\"t\":0.3,\"event\":\"map-gp");

        CliResult result = CliRunner.Run("map", "timeline", log, "--json");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(1, JsonDocument.Parse(result.Output).RootElement.GetProperty("steps").GetArrayLength());
    }

    [Fact]
    public void Show_LogOfAnotherGuest_SaysSo()
    {
        CliResult result = CliRunner.Run("map", "show", Golden.Path("a.json"), "--event-log", Boots.Kaslr);

        Assert.Contains("the event log does not lead to this map", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void SystemMap_WithoutALog_IsUsage() =>
        CliRunner.Run("map", "show", Golden.Path("a.json"), "--system-map", Boots.Symbols)
            .AssertFailure(64, "--system-map needs an event log", "give the guest's with --event-log");

    [Fact]
    public void SystemMap_ThatIsAStub_IsExplained()
    {
        string stub = _directory.File("System.map");
        File.WriteAllText(stub, "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n");

        CliResult result = CliRunner.Run("map", "show", Boots.Kaslr, "--system-map", stub);

        Assert.Equal(65, result.ExitCode);
        Assert.Contains("_text: is not in it", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private static string Call(string gpa, int pages, string attributes, int result) =>
        $$"""{"t":0.2,"event":"map-gpa-range","vcpu":0,"gpa":"{{gpa}}","pages":{{pages}},"attributes":"{{attributes}}","""
        + $$""" "result":{{result}}}""" + "\n";
}
