using System.Text.Json;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Tests;

public sealed class LoggingTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("", "warning,error")]
    [InlineData("-v", "info,warning,error")]
    [InlineData("--verbose", "info,warning,error")]
    [InlineData("-vv", "debug,info,warning,error")]
    [InlineData("-vvv", "debug,info,warning,error")]
    [InlineData("-v -v", "debug,info,warning,error")]
    [InlineData("-q", "error")]
    public void Stderr_HasTheLevelsThatWereAskedFor(string option, string levels)
    {
        CliResult result = Run(new CliRunner { Machine = Chatty() }, option.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        string[] logged = [.. result.ErrorLines.Where(line => line.EndsWith(": Seen alpha and 0x10", StringComparison.Ordinal))];
        Assert.Equal(levels.Split(','), logged.Select(line => line.Split(' ')[^5].TrimEnd(':')));
        Assert.Empty(result.Output);
    }

    [Fact]
    public void Stderr_Line_IsForPeople() =>
        Assert.Contains("kvmsev: warning: Seen alpha and 0x10", Run(new CliRunner { Machine = Chatty() }).ErrorLines);

    [Fact]
    public void Stderr_Details_HaveTheTime() =>
        Assert.Contains(
            Run(new CliRunner { Machine = Chatty() }, "-vv").ErrorLines,
            line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^kvmsev: \d\d:\d\d:\d\d\.\d{3} debug: Seen alpha and 0x10$"));

    [Fact]
    public void Stderr_Colors_OnlyOnATerminal()
    {
        string plain = Run(new CliRunner { Machine = Chatty() }, "-vv").Error;
        string colored = Run(new CliRunner { Machine = Chatty(), UseColor = true }, "-vv").Error;

        Assert.DoesNotContain('\e', plain);
        Assert.Contains("\e[33mwarning:\e[0m Seen alpha", colored, StringComparison.Ordinal);
    }

    [Fact]
    public void Stderr_ControlCharactersOfAGuest_AreEscaped()
    {
        FakeMachine machine = new((config, outputs) =>
        {
            outputs.Log.Warning("Guest said {Text}", "\e]0;owned\a\r\nkvmsev: error: lie");
            return FakeMachine.Result(config, StopReason.PowerOff);
        });

        CliResult result = Run(new CliRunner { Machine = machine, UseColor = true });

        Assert.Equal(2, result.ErrorLines.Length);
        Assert.Equal("kvmsev: \e[33mwarning:\e[0m Guest said \\x1b]0;owned\\x07\\x0d\\x0akvmsev: error: lie", result.ErrorLines[0]);
    }

    [Fact]
    public void Exception_HasItsTraceOnlyWithDetails()
    {
        FakeMachine machine = new((config, outputs) =>
        {
            outputs.Log.Error(new IOException("cause"), "Lost {Count}", 3);
            return FakeMachine.Result(config, StopReason.PowerOff);
        });

        Assert.Equal("kvmsev: error: Lost 3", Assert.Single(Run(new CliRunner { Machine = machine }, "-q").ErrorLines));
        Assert.Contains("  System.IO.IOException: cause", Run(new CliRunner { Machine = machine }, "-vv").ErrorLines);
    }

    [Fact]
    public void File_HasClefFromInformationUp_WhateverStderrShows()
    {
        string file = _directory.File("log");

        Run(new CliRunner { Machine = Chatty() }, "-q", "--log-file", file);
        Run(new CliRunner { Machine = Chatty() }, "-vv", "--log-file", file);

        JsonElement[] events = [.. File.ReadAllLines(file).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(["", "Warning", "Error", "", "Warning", "Error"],
            events.Select(entry => entry.TryGetProperty("@l", out JsonElement level) ? level.GetString() : ""));
        Assert.All(events, entry => Assert.Equal("Seen {Name} and {Address}", entry.GetProperty("@mt").GetString()));
        Assert.All(events, entry => Assert.Equal("alpha", entry.GetProperty("Name").GetString()));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public void File_NotWritable_FailsAtOnce()
    {
        FakeMachine machine = new((_, _) => throw new InvalidOperationException("must not run"));

        Run(new CliRunner { Machine = machine }, "--log-file", _directory.File("no/such"))
            .AssertFailure(74, $"--log-file: cannot write '{_directory.File("no/such")}': the directory does not exist");
        Run(new CliRunner { Machine = machine }, "--log-file", _directory.Root)
            .AssertFailure(74, $"--log-file: cannot write '{_directory.Root}': it is a directory");
    }

    [Fact]
    public void File_FullWhileTheGuestRuns_IsSaidOnce_AndChangesNothingElse()
    {
        CliResult result = Run(new CliRunner { Machine = Chatty() }, "-q", "--log-file", "/dev/full");

        Assert.Equal(0, result.ExitCode);
        Assert.Single(result.ErrorLines, line => line.StartsWith("kvmsev: warning: the log is incomplete: ", StringComparison.Ordinal));
        Assert.Single(result.ErrorLines, "kvmsev: error: Seen alpha and 0x10");
    }

    private static FakeMachine Chatty() => new((config, outputs) =>
    {
        outputs.Log.Debug("Seen {Name} and {Address}", "alpha", "0x10");
        outputs.Log.Information("Seen {Name} and {Address}", "alpha", "0x10");
        outputs.Log.Warning("Seen {Name} and {Address}", "alpha", "0x10");
        outputs.Log.Error("Seen {Name} and {Address}", "alpha", "0x10");
        return FakeMachine.Result(config, StopReason.PowerOff);
    });

    private CliResult Run(CliRunner runner, params string[] options) => runner.RunWith(["run", "--kernel", _directory.Kernel, .. options]);
}
