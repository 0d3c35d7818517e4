using System.Globalization;
using System.Text.Json;
using KvmSevVmm.KvmNative;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Host;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// Images of kvm-unit-tests that somebody has built: KVMSEV_UNIT_TESTS names the folder with the <c>*.flat</c> files. They run on this
/// host if its KVM can, otherwise in the laboratory.
/// </summary>
public sealed class KvmUnitTestsTests : IDisposable
{
    private const string Variable = "KVMSEV_UNIT_TESTS";

    /// <summary>The laboratory's processor is emulated, and its guest's once more.</summary>
    private const int LaboratorySlowness = 8;

    private const int LaboratoryMiB = 3584;
    private static readonly TimeSpan ProbeDeadline = TimeSpan.FromSeconds(2);
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-unit-tests-").FullName;

    private static string Script => Path.Combine(Repository.Root, "tests", "Lab.Tests", "unit-tests.sh");

    private string Images => Path.Combine(_folder, "images");

    private string List => Path.Combine(_folder, "list");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void EveryImage_EndsWithItsOwnVerdict()
    {
        string? source = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(source), $"{Variable} names no folder of *.flat images");
        string? reason = Laboratory.SkipReason("kvmsev");
        bool isLaboratory = !CanHostRun();
        Assert.SkipWhen(isLaboratory && reason is not null, reason ?? string.Empty);
        string[] images = [.. Directory.GetFiles(source!, "*.flat").Select(static file => Path.GetFileNameWithoutExtension(file))];
        List<KvmUnitTest> runs = [.. KvmUnitTestTable.For(images)];
        if (isLaboratory)
        {
            runs.RemoveAll(static run => run.NotInTheLaboratory is not null);
        }

        Say($"{runs.Count} runs {(isLaboratory ? "in the laboratory" : "on this host")}");
        Assert.SkipWhen(runs.Count == 0, $"{Variable}: {source} holds no image for this machine");
        Prepare(source!, runs, isLaboratory ? LaboratorySlowness : 1);
        TimeSpan longest = TimeSpan.FromSeconds(runs.Sum(static run => run.Seconds) * LaboratorySlowness);
        LabOutput output = isLaboratory ? RunInTheLaboratory(longest) : RunOnTheHost(longest);

        List<string> withoutVerdict = [];
        foreach (KvmUnitTest run in runs)
        {
            string verdict = Verdict(run.Name, out bool isItsOwn);
            Say($"{run.Name}: {verdict}");
            if (!isItsOwn)
            {
                withoutVerdict.Add($"{run.Name}: {verdict}");
            }
        }

        foreach ((string image, string why) in LeftOut(images, isLaboratory))
        {
            Say($"{image}: not run: {why}");
        }

        Assert.True(withoutVerdict.Count == 0, $"{string.Join('\n', withoutVerdict)}\n{output.ExitCode}\n{output.Error}");
    }

    [Fact]
    public void Table_NamesEachRunOnce_AndNothingThatItDoesNotClaim()
    {
        Assert.Equal(
            KvmUnitTestTable.Runs.Count, KvmUnitTestTable.Runs.Select(static run => run.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.DoesNotContain(KvmUnitTestTable.Runs, static run => KvmUnitTestTable.NotClaimed.ContainsKey(run.Image));
        Assert.Equal(["smptest", "smptest3", "new"], KvmUnitTestTable.For(["new", "svm", "smptest"]).Select(static run => run.Name));
    }

    private static void Say(string words) => TestContext.Current.TestOutputHelper?.WriteLine(words);

    /// <summary>Guests that cannot leave a VMMCALL run on a KVM that is no real one.</summary>
    private static bool CanHostRun()
    {
        if (KvmHost.SkipReason is not null)
        {
            return false;
        }

        using KvmDevice kvm = KvmDevice.Open();
        return VmmcallProbe.Run(kvm, ProbeDeadline).Verdict == VmmcallVerdict.Works;
    }

    private static IEnumerable<(string Image, string Why)> LeftOut(string[] images, bool isLaboratory) =>
    [
        .. KvmUnitTestTable.NotClaimed.Where(entry => images.Contains(entry.Key)).Select(static entry => (entry.Key, entry.Value)),
        .. KvmUnitTestTable.Runs
            .Where(run => isLaboratory && run.NotInTheLaboratory is not null && images.Contains(run.Image))
            .Select(static run => (run.Name, run.NotInTheLaboratory!)),
    ];

    private void Prepare(string source, List<KvmUnitTest> runs, int slowness)
    {
        Directory.CreateDirectory(Images);
        foreach (string image in runs.Select(static run => $"{run.Image}.flat").Distinct(StringComparer.Ordinal))
        {
            File.Copy(Path.Combine(source, image), Path.Combine(Images, image));
        }

        File.WriteAllLines(
            List,
            runs.Select(run => string.Create(
                CultureInfo.InvariantCulture,
                $"{run.Name} {run.Image} {run.Cpus} {run.MemoryMiB} {run.Seconds * slowness} {run.Arguments}")));
    }

    // Two processors: some images wait for each other's vCPU without ever leaving theirs.
    private LabOutput RunInTheLaboratory(TimeSpan longest) => Laboratory.Run(
        "scripts/lab.sh",
        [
            "--file", Images, "--file", List, "--file", Script, "--cpus", "2", "--memory", $"{LaboratoryMiB}", "--out", _folder,
            "--timeout", $"{(int)longest.TotalSeconds}", "--", "sh", "unit-tests.sh", "/in/images", "/in/list", "/out",
        ],
        longest + TimeSpan.FromSeconds(60));

    private LabOutput RunOnTheHost(TimeSpan longest) => Laboratory.Run(
        "/usr/bin/env",
        [$"PATH={Path.GetDirectoryName(Repository.Artifact("kvmsev"))}:/usr/bin:/bin", "sh", Script, Images, List, _folder],
        longest);

    /// <summary>How a run ended, in words.</summary>
    private string Verdict(string name, out bool isItsOwn)
    {
        isItsOwn = false;
        string result = Path.Combine(_folder, $"{name}.json");
        string words = Path.Combine(_folder, $"{name}.words");
        if (!File.Exists(result))
        {
            return $"no result: {(File.Exists(words) ? File.ReadAllText(words).Trim() : "not reached")}";
        }

        JsonElement stop = JsonDocument.Parse(File.ReadAllText(result)).RootElement.GetProperty("stop");
        string? reason = stop.GetProperty("reason").GetString();
        isItsOwn = reason == "debug-exit";
        return !isItsOwn
            ? $"no verdict: {reason}: {File.ReadAllText(words).Trim()}\n{string.Join('\n', LastLines(name))}"
            : stop.GetProperty("guestCode").GetInt64() switch
            {
                0 => "passed",
                38 => "skipped itself",
                1 => $"failed: {string.Join("; ", FailedLines(name))}",
                long code => $"gave up with {code}",
            };
    }

    private string[] ConsoleLines(string name)
    {
        string path = Path.Combine(_folder, $"{name}.console");
        return File.Exists(path) ? File.ReadAllLines(path) : [];
    }

    private IEnumerable<string> LastLines(string name) => ConsoleLines(name).TakeLast(3);

    private IEnumerable<string> FailedLines(string name) =>
        ConsoleLines(name).Where(static line => line.StartsWith("FAIL", StringComparison.Ordinal)).Take(5);
}
