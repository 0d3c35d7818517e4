using System.Diagnostics;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>scripts/fuzz.sh starts, says which seed it uses, and repeats one.</summary>
[Collection(AloneGroup.Name)]
public sealed class FuzzScriptTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    [Theory]
    [InlineData("rng")]
    [InlineData("block")]
    [InlineData("net")]
    public void Seed_ThatIsGivenAgain_RepeatsTheRun(string device)
    {
        string[] arguments = ["--device", device, "--operations", "5000"];
        string first = Run(0, [.. arguments, "--seed", "4711"]);
        string again = Run(0, [.. arguments, "--seed", "4711"]);
        string other = Run(0, [.. arguments, "--seed", "4712"]);

        Assert.Matches($"^{device}, seed 4711: 5000 operations, fingerprint [0-9a-f]{{16}}\n$", first);
        Assert.Equal(first, again);
        Assert.NotEqual(first.Split(' ')[^1], other.Split(' ')[^1]);
    }

    [Fact]
    public void Time_ThatIsLeft_IsUsedForFurtherSeeds()
    {
        string[] lines = Run(0, ["--device", "rng", "--operations", "100", "--seed", "5", "--seconds", "2"]).TrimEnd().Split('\n');

        Assert.True(lines.Length >= 2, string.Join('\n', lines));
        for (int i = 0; i < lines.Length; i++)
        {
            Assert.StartsWith($"rng, seed {5 + i}: 100 operations, ", lines[i], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--device", "gpu")]
    [InlineData("--seed", "x")]
    [InlineData("--operations", "0")]
    [InlineData("--loud", "1")]
    public void Argument_ThatIsNone_IsRefused(string option, string value) => Assert.Empty(Run(64, [option, value]));

    [Fact]
    public void Round_ThatFails_IsToldWithTheCommandThatRepeatsIt()
    {
        string output = Run(1, ["--device", "net", "--seed", "12", "--operations", "34"], "/bin/false", out string words);

        Assert.Equal("net, seed 12: FAILED\n", output);
        Assert.Contains("repeat it with: scripts/fuzz.sh --device net --seed 12 --operations 34", words, StringComparison.Ordinal);
    }

    private static string Run(int expectedCode, string[] arguments) =>
        Run(expectedCode, arguments, Path.Combine(AppContext.BaseDirectory, "Vmm.Tests"), out _);

    private static string Run(int expectedCode, string[] arguments, string program, out string words)
    {
        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(FindRoot(), "scripts", "fuzz.sh"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["KVMSEV_FUZZ_PROGRAM"] = program,
                ["KVMSEV_FUZZ_REPORT"] = null,
                ["KVMSEV_TEST_SEED"] = null,
            },
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Deadline))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("fuzz.sh does not end");
        }

        process.WaitForExit();
        words = error.GetAwaiter().GetResult();
        Assert.True(process.ExitCode == expectedCode, $"exit code {process.ExitCode}\n{words}");
        return output.GetAwaiter().GetResult();
    }

    private static string FindRoot()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "KvmSevVmm.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("the tests do not run inside the repository");
        }

        return folder.FullName;
    }
}
