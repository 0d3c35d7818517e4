using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// What <c>map diff</c> and <c>map timeline</c> make of real boots of one kernel: other places, other sizes, the same kinds.
/// </summary>
public sealed class BootComparisonTests : IDisposable
{
    private static readonly string[] Boots = ["kaslr", "nokaslr", "large"];
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-boots-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Boots_OfOneKernel_HaveTheSameKindsWhereverTheyAre()
    {
        Boot();
        string[] kinds =
        [
            "kernel start (likely)", ".bss..decrypted (likely)", "async PF, steal time, PV EOI (exact)", "swiotlb (likely)",
            "DMA atomic pool (likely)", "freed .bss..decrypted (likely)",
        ];
        List<string> places = [];
        foreach (string boot in Boots)
        {
            JsonElement[] steps = [.. Json("map", "timeline", PathOf($"{boot}.jsonl"), "--json").GetProperty("steps").EnumerateArray()
                .Where(static step => step.TryGetProperty("label", out _))];
            Assert.Equal(kinds, steps.Select(static step => $"{Word(step, "label")} ({Word(step, "certainty")})"));
            places.Add(Word(steps[1], "from"));
        }

        Assert.Equal("0x3600000", places[1]);
        Assert.NotEqual(places[0], places[1]);
        foreach ((string left, string right) in ((string, string)[])[("kaslr", "nokaslr"), ("kaslr", "large"), ("nokaslr", "large")])
        {
            string[] maps = [PathOf($"{left}.json"), PathOf($"{right}.json")];
            LabOutput byKind = Kvmsev(["map", "diff", .. maps, "--by-kind"]);
            Assert.True(byKind.ExitCode == 0, byKind.Output);
            Assert.Matches(@"swiotlb +16384 +0 +16384 +0", byKind.Output);
            Assert.Equal(1, Kvmsev(["map", "diff", .. maps]).ExitCode);
        }

        // The same boot at an earlier moment lacks kinds.
        LabOutput early = Kvmsev(["map", "diff", PathOf("kaslr.jsonl") + "@0.1", PathOf("kaslr.json"), "--by-kind"]);
        Assert.Equal(1, early.ExitCode);
    }

    private static string Word(JsonElement step, string name) => step.GetProperty(name).GetString()!;

    private static LabOutput Kvmsev(params string[] arguments) =>
        Laboratory.Run(Repository.Artifact("kvmsev"), arguments, TimeSpan.FromSeconds(60));

    private static JsonElement Json(params string[] arguments)
    {
        LabOutput run = Kvmsev(arguments);
        Assert.True(run.ExitCode == 0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private void Boot()
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        Laboratory.RunScript("boots.sh", _folder);
    }

    private string PathOf(string name) => Path.Combine(_folder, "out", name);
}
