using System.Diagnostics;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Tests.Commands.Control;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// The examples in the help of <c>map</c>, <c>ctl</c>, <c>version</c>, <c>completion</c> and <c>man</c>, given the files that they name.
/// </summary>
public sealed class MapExampleTests : IDisposable
{
    private readonly ControlSocket _socket = new();
    private readonly TempDirectory _directory;

    public MapExampleTests()
    {
        _directory = _socket.Directory;
    }

    public void Dispose() => _socket.Dispose();

    [Fact]
    public void Examples_WorkAsTheyStand()
    {
        Take("kaslr1g.jsonl", "events.jsonl");
        Take("kaslr1g.console", "console.log");
        Take("kaslr1g.kallsyms", "System.map");
        Take("nokaslr512.jsonl", "other.jsonl");
        foreach ((string log, string map) in ((string, string)[])
            [("events.jsonl", "map.json"), ("events.jsonl", "before.json"), ("other.jsonl", "after.json")])
        {
            File.WriteAllText(_directory.File(map), CliRunner.Run("map", "show", _directory.File(log), "--json").Output);
        }

        VerbExample[] examples =
        [
            .. Verbs.Root.Groups.Single(static group => group.Name == "map").Verbs
                .Concat(Verbs.Root.Verbs.Where(static verb => verb.Name is "ctl" or "version" or "completion" or "man"))
                .SelectMany(static verb => verb.Examples)

                // This one ends with the machine: CtlCommandTests.
                .Where(static example => !example.Arguments.Contains("events")),
        ];
        Assert.InRange(examples.Length, 23, int.MaxValue);
        Assert.All(examples, Run);
    }

    private void Take(string golden, string name) =>
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Golden", "boots", golden), _directory.File(name));

    private void Run(VerbExample example)
    {
        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "kvmsev"), example.Arguments)
        {
            WorkingDirectory = _directory.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(60)), "still running after a minute");

        // 1 is the answer "different" or "something is wrong".
        int[] allowed = example.Arguments is ["map", "diff" or "check", ..] ? [0, 1] : [0];
        Assert.True(allowed.Contains(process.ExitCode), $"{string.Join(' ', example.Arguments)}: {process.ExitCode}\n{error}");
        Assert.Equal(example.Arguments.Contains("--output"), output.Result.Length == 0);
    }
}
