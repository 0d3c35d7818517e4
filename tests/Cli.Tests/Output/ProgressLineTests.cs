using KvmSevVmm.Cli.Output;

namespace KvmSevVmm.Cli.Tests.Output;

public sealed class ProgressLineTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly StringWriter _error = new() { NewLine = "\n" };

    public void Dispose() => _error.Dispose();

    [Fact]
    public void Line_AppearsAfterTwoSeconds_FollowsAndIsWipedOut()
    {
        using (ProgressLine line = new(Context(isTerminal: true), quiet: false, "measuring", 1000))
        {
            line.Report(100);
            _clock.Advance(TimeSpan.FromSeconds(1.9));
            Assert.Empty(_error.ToString());

            _clock.Advance(TimeSpan.FromSeconds(0.1));
            Assert.Equal("\rkvmsev: measuring 10 %, 2 s", Take());

            line.Report(500);
            _clock.Advance(TimeSpan.FromSeconds(1));
            Assert.EndsWith("\rkvmsev: measuring 50 %, 3 s", Take(), StringComparison.Ordinal);
        }

        Assert.Equal("\r                           \r", Take());
    }

    [Fact]
    public void Line_WithoutATotal_TellsTheTime()
    {
        using ProgressLine line = new(Context(isTerminal: true), quiet: false, "trying", 0);

        line.Report(7);
        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("\rkvmsev: trying 2 s", Take());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Line_WhereStderrIsNoTerminalOrQuiet_IsNotThere(bool isTerminal, bool quiet)
    {
        using (ProgressLine line = new(Context(isTerminal), quiet, "measuring", 10))
        {
            line.Report(5);
            _clock.Advance(TimeSpan.FromSeconds(60));
        }

        Assert.Empty(_error.ToString());
    }

    private string Take()
    {
        string text = _error.ToString();
        _error.GetStringBuilder().Clear();
        return text;
    }

    private CliContext Context(bool isTerminal) => new()
    {
        Output = Stream.Null,
        Error = _error,
        ErrorBytes = Stream.Null,
        Environment = static _ => null,
        MachineRunner = null,
        EnterRawTerminal = static () => null,
        ReadKvmApiVersion = static _ => 0,
        IsErrorTerminal = isTerminal,
        Clock = _clock,
    };
}
