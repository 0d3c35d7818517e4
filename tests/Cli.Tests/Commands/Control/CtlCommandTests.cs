using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using KvmSevVmm.Cli.Tests.Schemas;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Tests.Commands.Control;

/// <summary><c>ctl</c> on a real control socket.</summary>
public sealed class CtlCommandTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly ControlSocket _socket = new();

    public void Dispose() => _socket.Dispose();

    [Theory]
    [InlineData("status", "query-status")]
    [InlineData("cpus", "query-cpus-fast")]
    [InlineData("sev", "query-sev")]
    [InlineData("commands", "query-commands")]
    [InlineData("map", "x-kvmsev-query-map")]
    [InlineData("journal", "x-kvmsev-query-journal")]
    [InlineData("exits", "x-kvmsev-query-exits")]
    [InlineData("guard", "x-kvmsev-query-guard")]
    [InlineData("migratable", "x-kvmsev-query-migratable")]
    [InlineData("metrics", "x-kvmsev-metrics")]
    public void ShortWord_IsItsCommand(string word, string command)
    {
        CliResult result = _socket.Ctl(word, "--json");

        Assert.Equal(string.Empty, result.Error);
        Assert.Equal(0, result.ExitCode);
        JsonSchemas.AssertFits(result.Output);
        Assert.Equal(command, Json(result).GetProperty("command").GetString());
        Assert.Equal(
            WithoutTime(Json(_socket.Ctl(command))), WithoutTime(Json(result).GetProperty("return")));

        static string WithoutTime(JsonElement value)
        {
            JsonNode node = JsonNode.Parse(value.GetRawText())!;
            _ = (node as JsonObject)?.Remove("capturedAt");
            return node.ToJsonString();
        }
    }

    [Fact]
    public void Answer_IsReadable()
    {
        CliResult result = _socket.Ctl("status");

        Assert.Equal("{\n  \"status\": \"running\",\n  \"running\": true\n}\n", result.Output);
        Assert.Equal(string.Empty, result.Error);
    }

    [Fact]
    public void StopAndCont_AreDone()
    {
        Assert.Equal("{}\n", _socket.Ctl("stop").Output);
        Assert.True(_socket.Machine.IsPaused);
        Assert.Equal("{}\n", _socket.Ctl("cont").Output);
        Assert.False(_socket.Machine.IsPaused);
        Assert.Equal("{}\n", _socket.Ctl("powerdown").Output);
        Assert.Equal(1, _socket.Machine.Presses);
    }

    [Theory]
    [InlineData("quit", StopReason.Quit)]
    [InlineData("reset", StopReason.Reset)]
    public void End_IsAsked(string word, StopReason reason)
    {
        Assert.Equal("{}\n", _socket.Ctl(word).Output);
        Assert.True(SpinWait.SpinUntil(() => _socket.Stop.Reason == reason, Deadline));
    }

    [Theory]
    [InlineData("page", "{\"gpa\": 20480}")]
    [InlineData("page", "--arg", "gpa=0x5000")]
    [InlineData("page", "--arg", "gpa=20480")]
    [InlineData("--arg", "gpa=0x5000", "page")]
    [InlineData("--arg=gpa=\"0x5000\"", "x-kvmsev-query-page")]
    public void Arguments_AreTaken(params string[] words)
    {
        _socket.Machine.SharedRegions.Set(new GpaRange(new Gpa(0x5000), 0x1000), PageState.Shared);

        CliResult result = _socket.Ctl(words);

        Assert.Equal(string.Empty, result.Error);
        Assert.Equal("shared", Json(result).GetProperty("state").GetString());
        Assert.Equal(1, Json(result).GetProperty("since").GetProperty("generation").GetInt32());
    }

    [Theory]
    [InlineData("the argument 'gpa' is given twice", null, "page", "{\"gpa\": 1}", "--arg", "gpa=2")]
    [InlineData("the argument 'a' is given twice", null, "page", "--arg", "a=1", "--arg", "a=2")]
    [InlineData("--arg: 'gpa' is not NAME=VALUE", null, "page", "--arg", "gpa")]
    [InlineData("--arg: '=1' is not NAME=VALUE", null, "page", "--arg", "=1")]
    [InlineData("ARGUMENTS: no JSON, at byte 1", "or write --arg NAME=VALUE", "page", "{gpa: 1}")]
    [InlineData("ARGUMENTS: not a JSON object", "write for instance '{\"gpa\": 4096}', or --arg gpa=4096", "page", "4096")]
    [InlineData("events takes no arguments", null, "events", "{}")]
    [InlineData("--format prometheus is a form of 'metrics', without --json", null, "status", "--format", "prometheus")]
    [InlineData("--format prometheus is a form of 'metrics', without --json", null, "metrics", "--format", "prometheus", "--json")]
    public void CommandLine_ThatIsWrong_IsUsage(string message, string? hint, params string[] words) =>
        _socket.Ctl(words).AssertFailure(ExitCode.Usage, message, hint);

    [Fact]
    public void Command_Missing_IsUsage() =>
        _socket.Ctl().AssertFailure(
            ExitCode.Usage, "an argument is missing", "usage: kvmsev ctl --socket PATH COMMAND [ARGUMENTS] [OPTIONS]");

    [Fact]
    public void Refusal_IsOneLine()
    {
        _socket.Ctl("query-block").AssertFailure(
            ExitCode.Failure, "the machine refuses: The command query-block has not been found");
        _socket.Ctl("page").AssertFailure(ExitCode.Failure, "the machine refuses: Parameter 'gpa' is missing");
        _socket.Ctl("status", "{\"a\": {\"b\": []}}").AssertFailure(
            ExitCode.Failure, "the machine refuses: Parameter 'a' is unexpected");
    }

    [Fact]
    public void Socket_ThatIsNotThere_IsNoInput()
    {
        string path = _socket.Directory.File("none");

        CliRunner.Run("ctl", "--socket", path, "status").AssertFailure(ExitCode.NoInput, $"{path}: no such socket");
    }

    [Fact]
    public void Socket_OfADeadMonitor_IsAnIoError()
    {
        string path = _socket.Directory.File("dead");
        using (Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Under another name the runtime does not find it to remove it.
            dead.Bind(new UnixDomainSocketEndPoint(path + "-alive"));
            File.Move(path + "-alive", path);
        }

        CliRunner.Run("ctl", "--socket", path, "status").AssertFailure(
            ExitCode.IoError, $"{path}: nobody listens at this socket any more");
    }

    [Fact]
    public void Machine_ThatDoesNotAnswer_IsAnIoError()
    {
        string path = _socket.Directory.File("silent");
        using Socket silent = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        silent.Bind(new UnixDomainSocketEndPoint(path));
        silent.Listen();

        CliResult result = CliRunner.Run("ctl", "--socket", path, "status", "--timeout", "200ms");

        Assert.Equal(ExitCode.IoError, result.ExitCode);
        Assert.StartsWith($"kvmsev: {path}: no answer: ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_ForPrometheus_AreThoseOfTheMachine() =>
        Assert.Equal(
            Vmm.Metrics.PrometheusText.Format(Vmm.Metrics.MachineMetrics.Of(_socket.Machine.Observe())),
            _socket.Ctl("metrics", "--format", "prometheus").Output);

    [Fact]
    public async Task Events_AreToldUntilTheEnd()
    {
        using Process process = StartEvents();
        await WaitForFirstEvent(process);
        _socket.Machine.SharedRegions.Set(new GpaRange(new Gpa(0x5000), 0x1000), PageState.Shared);
        Assert.Equal("x-kvmsev-map-changed", (await ReadEvent(process)).GetProperty("event").GetString());
        _socket.End(StopReason.PowerOff);

        JsonElement end = await ReadEvent(process);
        Assert.Equal("SHUTDOWN", end.GetProperty("event").GetString());
        Assert.Equal("power-off", end.GetProperty("data").GetProperty("x-kvmsev-reason").GetString());
        Assert.Null(await ReadLine(process));
        Assert.Equal((0, string.Empty), await End(process));
    }

    [Fact]
    public async Task Events_UntilControlC_EndWell()
    {
        using Process process = StartEvents();
        await WaitForFirstEvent(process);

        Assert.Equal(0, Mono.Unix.Native.Syscall.kill(process.Id, Mono.Unix.Native.Signum.SIGINT));

        Assert.Equal((0, string.Empty), await End(process));
    }

    [Fact]
    public async Task Events_OfAMachineThatVanishes_EndInAnError()
    {
        using Process process = StartEvents();
        await WaitForFirstEvent(process);

        _socket.EndServer();

        Assert.Equal(
            (ExitCode.IoError, $"kvmsev: {_socket.Path}: the machine has gone without a word of its end\n"), await End(process));
    }

    private static JsonElement Json(CliResult result)
    {
        Assert.Equal(string.Empty, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    private static string? Event(string? line) =>
        line is null ? null : JsonDocument.Parse(line).RootElement.GetProperty("event").GetString();

    private static async Task<string?> ReadLine(Process process)
    {
        using CancellationTokenSource deadline = new(Deadline);
        return await process.StandardOutput.ReadLineAsync(deadline.Token);
    }

    private static async Task<(int ExitCode, string Error)> End(Process process)
    {
        using CancellationTokenSource deadline = new(Deadline);
        string error = await process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        return (process.ExitCode, error);
    }

    private Process StartEvents() => Process.Start(new ProcessStartInfo(
        LaunchProcess.Executable, ["ctl", "--socket", _socket.Path, "events"])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    // Nobody knows from outside when it listens: the guest stops and goes on until it tells of that.
    private async Task WaitForFirstEvent(Process process)
    {
        Task<string?> first = ReadLine(process);
        while (!first.IsCompleted)
        {
            await _socket.Control.PauseAsync();
            await _socket.Control.ContinueAsync();
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Contains(Event(await first), (string?[])["STOP", "RESUME"]);
    }

    // The next event that has nothing to do with stopping and going on.
    private static async Task<JsonElement> ReadEvent(Process process)
    {
        string? line;
        do
        {
            line = await ReadLine(process);
        }
        while (Event(line) is "STOP" or "RESUME");

        return JsonDocument.Parse(line ?? "null").RootElement;
    }
}
