using System.Text.Json;
using System.Text.RegularExpressions;

namespace KvmSevVmm.Cli.Tests.Schemas;

/// <summary>Every JSON document of the program has a published schema, and fits it.</summary>
public sealed partial class SchemaTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    /// <summary>Golden files, each of which another test compares with what the program writes.</summary>
    public static TheoryData<string> GoldenFiles =>
    [
        "a.json", "a.bitmap.json", "b.json", "diff.json", "doctor.json", "measure-direct.json", "measure-direct-es.json", "plan.json",
        "result-full.json", "result-least.json", "boots/kaslr1g.timeline.json",
    ];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void EverySchemaThatTheSourcesName_IsPublished()
    {
        HashSet<string> named = [.. Directory
            .EnumerateFiles(Path.Combine(JsonSchemas.Repository, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(static file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(static file => SchemaName().Matches(File.ReadAllText(file)))
            .Select(static match => match.Groups[1].Value)];

        Assert.InRange(named.Count, 25, int.MaxValue);
        Assert.All(named, static schema => Assert.True(File.Exists(JsonSchemas.FileOf(schema)), $"no {JsonSchemas.FileOf(schema)}"));
    }

    [Theory]
    [MemberData(nameof(GoldenFiles))]
    public void Golden_FitsItsSchema(string name) =>
        JsonSchemas.AssertFits(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", name)));

    [Theory]
    [InlineData("kaslr1g.jsonl")]
    [InlineData("nokaslr512.jsonl")]
    public void EventLog_OfARealBoot_FitsItsSchema(string name) =>
        Assert.All(File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden", "boots", name)), static line =>
        {
            using JsonDocument entry = JsonDocument.Parse(line);
            JsonSchemas.AssertFits(entry.RootElement, "kvmsev.event/1");
        });

    [Theory]
    [InlineData("completion", "bash")]
    [InlineData("man")]
    [InlineData("version")]
    [InlineData("map", "show", "Golden/boots/kaslr1g.jsonl")]
    [InlineData("map", "timeline", "Golden/boots/kaslr1g.jsonl")]
    [InlineData("map", "at", "Golden/a.json", "0x1000", "0xffffffffff")]
    [InlineData("map", "check", "Golden/boots/kaslr1g.jsonl")]
    [InlineData("map", "diff", "Golden/a.json", "Golden/b.json")]
    [InlineData("map", "diff", "Golden/boots/kaslr1g.jsonl", "Golden/boots/nokaslr512.jsonl", "--by-kind")]
    public void Answer_FitsItsSchema(params string[] words)
    {
        string[] arguments =
        [
            .. words.Select(static word => word.StartsWith("Golden/", StringComparison.Ordinal)
                ? Path.Combine(AppContext.BaseDirectory, word)
                : word),
            "--json",
        ];

        CliResult result = new CliRunner { KvmApiVersion = static _ => 12 }.RunWith(arguments);

        Assert.True(result.ExitCode is 0 or 1, result.Error);
        JsonSchemas.AssertFits(result.Output);
    }

    [Theory]
    [InlineData("\"failures\": 1", "\"failures\": \"1\"")]
    [InlineData("\"status\": \"pass\"", "\"status\": \"perhaps\"")]
    [InlineData("\"summary\":", "\"summery\":")]
    [InlineData("kvmsev.doctor/1", "kvmsev.measure/1")]
    public void Document_ThatIsWrong_DoesNotFit(string right, string wrong)
    {
        string document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "doctor.json"));
        Assert.Contains(right, document, StringComparison.Ordinal);

        Assert.ThrowsAny<Xunit.Sdk.XunitException>(
            () => JsonSchemas.AssertFits(document.Replace(right, wrong, StringComparison.Ordinal)));
    }

    [Fact]
    public void InspectKernel_FitsItsSchema()
    {
        File.WriteAllBytes(_directory.File("bzImage"), new Vmm.Tests.Boot.BzImageBuilder().Build());

        CliResult result = CliRunner.Run("inspect", "kernel", _directory.File("bzImage"), "--json");

        Assert.Equal(string.Empty, result.Error);
        JsonSchemas.AssertFits(result.Output);
    }

    [GeneratedRegex("\"(kvmsev\\.[a-z-]+/[0-9]+)\"")]
    private static partial Regex SchemaName();
}
