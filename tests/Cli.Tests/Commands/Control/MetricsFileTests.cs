using System.Text.Json;
using Iced.Intel;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Metrics;
using KvmSevVmm.Vmm.Tests.Control;

namespace KvmSevVmm.Cli.Tests.Commands.Control;

/// <summary><c>run --metrics-file</c>.</summary>
public sealed class MetricsFileTests : IDisposable
{
    private const UnixFileMode ReadableByAll =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly TempDirectory _directory = new();

    private string Metrics => _directory.File("guest.prom");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Text_IsWhatPrometheusReads()
    {
        // A label with all that must be escaped.
        IReadOnlyList<Metric> metrics =
        [
            .. MachineMetrics.Of(new FakeRunningMachine().Observe()),
            new Metric("kvmsev_test_bytes", "A test.", false, [new MetricSample(ulong.MaxValue, ("path", "a\\b\"c\nd, {e=\"f\"}"))]),
        ];

        JsonElement[] families = [.. PrometheusClient.Read(PrometheusText.Format(metrics)).EnumerateArray()];

        Metric[] written = [.. metrics.Where(static metric => metric.Samples.Count > 0)];
        Assert.Equal(written.Length, families.Length);
        Assert.All(written.Zip(families), static pair =>
        {
            (Metric metric, JsonElement family) = pair;
            Assert.Equal((metric.TypeWord, metric.Help), (family.GetProperty("type").GetString(), family.GetProperty("help").GetString()));
            Assert.Equal(
                metric.Samples.Select(sample => (metric.Name, Labels(sample), (double)sample.Value)),
                family.GetProperty("samples").EnumerateArray().Select(static sample => (
                    sample.GetProperty("name").GetString()!,
                    string.Join(';', sample.GetProperty("labels").EnumerateObject().Select(static label => $"{label.Name}={label.Value}")),
                    sample.GetProperty("value").GetDouble())));
        });

        static string Labels(MetricSample sample) =>
            string.Join(';', sample.Labels.Select(static label => $"{label.Name}={label.Value}"));
    }

    [KvmFact]
    public void RealGuest_IsWatchedWhileItRunsAndAtItsEnd()
    {
        string kernel = _directory.File("tiny.elf");
        File.WriteAllBytes(kernel, TinyKernel.Create(static code =>
        {
            Label forever = code.CreateLabel();
            code.Label(ref forever);
            code.jmp(forever);
        }));
        using CancellationTokenSource end = new();
        Task<HashSet<string>> watching = Task.Run(() => Watch(end.Token), TestContext.Current.CancellationToken);

        CliResult run = new CliRunner { Machine = new MachineRunner() }.RunWith(
            "run", "--kernel", kernel, "--serial", "off", "--timeout", "1s", "--memory", "64M",
            "--metrics-file", Metrics, "--metrics-interval", "50ms");

        end.Cancel();
        Assert.Equal(ExitCode.Timeout, run.ExitCode);
        string last = File.ReadAllText(Metrics);
        Assert.Contains("\nkvmsev_running 0\n", last, StringComparison.Ordinal);
        Assert.Contains("\nkvmsev_guest_memory_bytes 67108864\n", last, StringComparison.Ordinal);
        Assert.Equal(ReadableByAll, File.GetUnixFileMode(Metrics));
        Assert.Equal(["guest.prom", "tiny.elf"], _directory.Names);

        // Each reading was of a whole file, all but the last of a guest that runs.
        HashSet<string> readings = watching.GetAwaiter().GetResult();
        Assert.Contains(readings, static text => text.Contains("\nkvmsev_running 1\n", StringComparison.Ordinal));
        Assert.All(readings, static text => Assert.EndsWith("\n", text, StringComparison.Ordinal));
        Assert.All(readings, static text => Assert.StartsWith("# HELP kvmsev_info ", text, StringComparison.Ordinal));
        _ = PrometheusClient.Read(last);
    }

    [Fact]
    public void Writer_WritesAtOnceEachIntervalAndAtTheEnd()
    {
        FakeRunningMachine machine = new();
        MetricsFile file = MetricsFile.Open(Metrics, TimeSpan.FromMilliseconds(20));
        using (new MetricsWriter(file, machine, Serilog.Core.Logger.None))
        {
            WaitFor("\nkvmsev_running 1\n");
            machine.Pause();
            WaitFor("\nkvmsev_running 0\n");
            machine.Resume();
            WaitFor("\nkvmsev_running 1\n");
        }

        Assert.Equal(PrometheusText.Format(MachineMetrics.Of(machine.Observe(), hasEnded: true)), File.ReadAllText(Metrics));
    }

    [Fact]
    public void File_ThatStandsThere_KeepsItsMode()
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.WriteAllText(Metrics, "old");
        File.SetUnixFileMode(Metrics, OwnerOnly);

        MetricsFile.Open(Metrics, TimeSpan.FromSeconds(5)).Write([]);

        Assert.Equal(string.Empty, File.ReadAllText(Metrics));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Metrics));
    }

    [Fact]
    public void File_ThatCannotBeWrittenInTheEnd_IsAnIoErrorOfARunThatWasNotStopped()
    {
        string folder = _directory.File("gone");
        Directory.CreateDirectory(folder);
        bool hasRun = false;
        FakeMachine machine = new((config, outputs) =>
        {
            Directory.Delete(folder);
            outputs.Metrics!.Write([]);
            hasRun = true;
            return FakeMachine.Result(config, StopReason.PowerOff);
        });

        CliResult run = new CliRunner { Machine = machine }.RunWith(
            "run", "--kernel", _directory.Kernel, "--metrics-file", Path.Combine(folder, "m.prom"), "--map-out", _directory.File("m"));

        Assert.True(hasRun);
        run.AssertFailure(
            ExitCode.IoError, $"--metrics-file: cannot write '{folder}/m.prom': the directory does not exist");
    }

    [Fact]
    public void File_ThatCanBeWrittenAgain_IsNoFailure()
    {
        string folder = _directory.File("gone");
        Directory.CreateDirectory(folder);
        MetricsFile file = MetricsFile.Open(Path.Combine(folder, "m.prom"), TimeSpan.FromSeconds(5));
        Directory.Delete(folder);

        file.Write([]);
        Assert.Throws<IOException>(file.ThrowIfFailed);
        Directory.CreateDirectory(folder);
        file.Write([]);

        file.ThrowIfFailed();
    }

    [Theory]
    [InlineData(ExitCode.Usage, "--metrics-file: '-' is not a regular file", "--metrics-file", "-")]
    [InlineData(ExitCode.Usage, "--metrics-file: '/dev/null' is not a regular file", "--metrics-file", "/dev/null")]
    [InlineData(ExitCode.Usage, "--metrics-file: the file name is empty", "--metrics-file", "")]
    [InlineData(ExitCode.Usage, "--metrics-file and --result name the same file 'r'", "--metrics-file", "r", "--result", "r")]
    [InlineData(ExitCode.Usage, "--metrics-interval has no meaning without --metrics-file", "--metrics-interval", "5s")]
    [InlineData(ExitCode.Usage, "--metrics-interval: unknown unit 'x' in '5x'", "--metrics-file", "m", "--metrics-interval", "5x")]
    [InlineData(ExitCode.IoError, "--metrics-file: cannot write '/none/m': the directory does not exist", "--metrics-file", "/none/m")]
    public void Option_ThatIsWrong_IsSaidBeforeTheGuestStarts(int exitCode, string message, params string[] options)
    {
        CliResult run = CliRunner.Run(["run", "--kernel", _directory.Kernel, .. options]);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.StartsWith($"kvmsev: {message}\n", run.Error, StringComparison.Ordinal);
    }

    private HashSet<string> Watch(CancellationToken end)
    {
        HashSet<string> readings = [];
        while (!end.IsCancellationRequested)
        {
            if (File.Exists(Metrics))
            {
                readings.Add(File.ReadAllText(Metrics));
            }

            Thread.Sleep(5);
        }

        return readings;
    }

    private void WaitFor(string text) => Assert.True(SpinWait.SpinUntil(
        () => File.Exists(Metrics) && File.ReadAllText(Metrics).Contains(text, StringComparison.Ordinal), TimeSpan.FromSeconds(30)));
}
