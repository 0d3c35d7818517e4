using System.Text.Json;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>What <c>run</c> does around the machine: inputs, files, signals, terminal, exit code.</summary>
public sealed class RunCommandTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    /// <summary>Every reason with the exit code of the design; the test below fails for one that is missing.</summary>
    public static TheoryData<StopReason, ulong?, int> ExitCodes => new()
    {
        { StopReason.None, null, 70 },
        { StopReason.PowerOff, null, 0 },
        { StopReason.Reset, null, 32 },
        { StopReason.DebugExit, 0, 1 },
        { StopReason.DebugExit, 1, 3 },
        { StopReason.DebugExit, 0x7f, 0xff },
        { StopReason.DebugExit, 0x80, 1 },
        { StopReason.DebugExit, 0xff, 0xff },
        { StopReason.UntilMatched, null, 0 },
        { StopReason.Timeout, null, 36 },
        { StopReason.Shutdown, null, 33 },
        { StopReason.GuestPanic, null, 34 },
        { StopReason.Crash, null, 33 },
        { StopReason.SevTermination, 0x100, 37 },
        { StopReason.Interrupted, null, 130 },
        { StopReason.Terminated, null, 143 },
        { StopReason.Halted, null, 33 },
        { StopReason.Launched, null, 0 },
        { StopReason.Quit, null, 0 },
        { StopReason.MonitorError, null, 70 },
    };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(ExitCodes))]
    public void StopReason_HasItsExitCode(StopReason reason, ulong? guestCode, int exitCode)
    {
        string file = _directory.File("result.json");

        CliResult result = Run(new FakeMachine(reason, guestCode), "--result", file);

        Assert.Equal(exitCode, result.ExitCode);
        JsonElement stop = JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty("stop");
        Assert.Equal(exitCode, stop.GetProperty("exitCode").GetInt32());
        Assert.Equal(StopReasonWords.WordFor(reason), stop.GetProperty("reason").GetString());
    }

    [Fact]
    public void StopReason_EachOne_HasAnExitCodeAndWords()
    {
        HashSet<StopReason> covered = [.. ExitCodes.Select(row => row.Data.Item1)];

        Assert.Equal(Enum.GetValues<StopReason>().ToHashSet(), covered);
        Assert.Equal(covered.Count, covered.Select(StopReasonWords.WordFor).Distinct().Count());
        Assert.All(covered, reason => Assert.NotEmpty(StopReasonWords.PhraseFor(reason)));
        Assert.Throws<ArgumentOutOfRangeException>(() => StopReasonExitCode.For(FakeMachine.Result(Config, (StopReason)999)));
    }

    [Fact]
    public void MonitorError_WithItsCause_IsReportedLikeTheCause()
    {
        FakeMachine machine = new((config, _) =>
            FakeMachine.Result(config, StopReason.MonitorError) with { Failure = new IOException("event log: disk full") });
        string file = _directory.File("result.json");

        Run(machine, "--result", file).AssertFailure(74, "event log: disk full");

        Assert.Equal("event log: disk full", Result(file).GetProperty("stop").GetProperty("error").GetString());
        Assert.Equal(74, Result(file).GetProperty("stop").GetProperty("exitCode").GetInt32());
    }

    [Theory]
    [InlineData("--kernel")]
    [InlineData("--initramfs")]
    public void Input_Absent_IsNamed(string option) =>
        RunWithInput(option, _directory.File("absent")).AssertFailure(66, $"{option}: no such file: '{_directory.File("absent")}'");

    [Theory]
    [InlineData("--kernel")]
    [InlineData("--initramfs")]
    public void Input_NoFile_IsSaidAndNeverOpened(string option)
    {
        string fifo = _directory.File("fifo");
        Assert.Equal(0, Mono.Unix.Native.Syscall.mkfifo(fifo, Mono.Unix.Native.FilePermissions.DEFFILEMODE));

        RunWithInput(option, fifo).AssertFailure(65, $"{option}: {fifo}: is a FIFO, not a file");
        RunWithInput(option, _directory.Root).AssertFailure(65, $"{option}: {_directory.Root}: is a directory, not a file");
        RunWithInput(option, "/dev/zero").AssertFailure(65, $"{option}: /dev/zero: is a character device, not a file");
        RunWithInput(option, _directory.Kernel + "/x").AssertFailure(66, $"{option}: no such file: '{_directory.Kernel}/x'");
        RunWithInput(option, new string('a', 300)).AssertFailure(74, $"{option}: cannot read '{new string('a', 300)}': File name too long");
    }

    [Theory]
    [InlineData("--kernel")]
    [InlineData("--initramfs")]
    public void Input_NotReadable_IsPermission(string option)
    {
        string secret = _directory.File("secret");
        File.WriteAllText(secret, "x");
        File.SetUnixFileMode(secret, UnixFileMode.None);
        File.SetUnixFileMode(_directory.Root, (UnixFileMode)0b111_101_101);

        Unprivileged.Run(() => RunWithInput(option, secret)).AssertFailure(77, $"{option}: permission denied: '{secret}'");
    }

    [Fact]
    public void DryRun_PrintsThePlan_AndRunsNothing()
    {
        FakeMachine machine = new((_, _) => throw new InvalidOperationException("must not run"));

        CliResult result = Run(
            machine, "--cmdline", "console=ttyS0 é", "--memory", "1G", "--cpus", "2", "--sev", "simulated,cbitpos=39",
            "--until", "a'b", "--timeout", "500ms", "--exit-hypercalls", "0x1000", "--hide-kvm-feature", "migration-control",
            "--debug-exit", "0xf4", "--map-out", _directory.File("m"),
            "--serial", $"file={_directory.File("s")}", "--dry-run");

        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.Empty(_directory.Names);
        Assert.Equal(Golden.Text("plan.json").Replace("DIRECTORY", _directory.Root, StringComparison.Ordinal), result.Output);
    }

    [Fact]
    public void DryRun_StillChecksTheOutputs() =>
        Run(new FakeMachine(StopReason.PowerOff), "--dry-run", "--result", _directory.File("no/such"))
            .AssertFailure(74, $"--result: cannot write '{_directory.File("no/such")}': the directory does not exist");

    [Fact]
    public void Files_AreWrittenAtTheEnd_ForTheirOwnerOnly()
    {
        string[] during = [];
        FakeMachine machine = new((config, outputs) =>
        {
            outputs.EventLog!.Write("{}\n"u8);
            outputs.SerialOutput!.Write("hello"u8);
            during = _directory.Names;
            return FakeMachine.Result(config, StopReason.PowerOff) with { Map = SomeMap() };
        });

        CliResult result = Run(
            machine, "--map-out", _directory.File("map"), "--event-log", _directory.File("log"), "--result", _directory.File("result"),
            "--serial", $"file={_directory.File("serial")}");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(["log", "map", "result", "serial"], _directory.Names);
        Assert.Equal("{}\n", File.ReadAllText(_directory.File("log")));
        Assert.Equal("hello", File.ReadAllText(_directory.File("serial")));
        Assert.Equal(2UL, SharedRegionMapJson.Read(File.OpenRead(_directory.File("map")), "map").Totals.SharedPages);
        Assert.Equal("kvmsev.result/1", Result(_directory.File("result")).GetProperty("schema").GetString());
        Assert.All(_directory.Names, name =>
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_directory.File(name))));

        // Only the console could be seen while the guest ran; the others were hidden files until they were whole.
        Assert.Equal(["serial"], during.Where(name => !name.StartsWith('.')));
        Assert.Equal(4, during.Length);
    }

    [Fact]
    public void Files_AfterAFailureBeforeTheGuest_TellWhy()
    {
        FakeMachine machine = new((_, outputs) =>
        {
            outputs.EventLog!.Write("{}\n"u8);
            throw new HostLacksException("No SVM.", "Use another host.");
        });
        File.WriteAllText(_directory.File("map"), "the old map");

        CliResult result = Run(
            machine, "--sev", "simulated,cbitpos=39", "--map-out", _directory.File("map"), "--event-log", _directory.File("log"),
            "--result", _directory.File("result"));

        result.AssertFailure(69, "No SVM.", "Use another host.");
        Assert.Equal(["log", "map", "result"], _directory.Names);
        Assert.Equal("{}\n", File.ReadAllText(_directory.File("log")));
        Assert.Equal("the old map", File.ReadAllText(_directory.File("map")));
        JsonElement written = Result(_directory.File("result"));
        Assert.Equal("not-started", written.GetProperty("stop").GetProperty("reason").GetString());
        Assert.Equal("No SVM.", written.GetProperty("stop").GetProperty("error").GetString());
        Assert.Equal(69, written.GetProperty("stop").GetProperty("exitCode").GetInt32());
        Assert.Equal(JsonValueKind.Null, written.GetProperty("times").GetProperty("firstRun").ValueKind);
        Assert.Equal(JsonValueKind.Null, written.GetProperty("map").ValueKind);
        Assert.Equal(JsonValueKind.Null, written.GetProperty("peakRssBytes").ValueKind);
        Assert.Equal(39, written.GetProperty("cBit").GetInt32());
    }

    [Fact]
    public void Files_OneNotWritable_FailsBeforeTheGuestAndLeavesNothing()
    {
        FakeMachine machine = new((_, _) => throw new InvalidOperationException("must not run"));
        string log = _directory.File("log");

        Run(machine, "--map-out", _directory.File("map"), "--event-log", log, "--result", _directory.Root)
            .AssertFailure(74, $"--result: cannot write '{_directory.Root}': it is a directory");
        Run(machine, "--map-out", _directory.File("map"), "--event-log", log, "--serial", $"file={_directory.File("no/such")}")
            .AssertFailure(74, $"--serial: cannot write '{_directory.File("no/such")}': the directory does not exist");

        Assert.Empty(_directory.Names);
    }

    [Fact]
    public void Files_DiskFullAtTheEnd_IsTheExitCode_AndTheOthersAreWritten()
    {
        FakeMachine machine = new((config, outputs) => FakeMachine.Result(config, StopReason.PowerOff) with { Map = SomeMap() });

        Run(machine, "--map-out", "/dev/full", "--result", _directory.File("result"))
            .AssertFailure(74, "--map-out: cannot write '/dev/full': No space left on device");

        JsonElement stop = Result(_directory.File("result")).GetProperty("stop");
        Assert.Equal("power-off", stop.GetProperty("reason").GetString());
        Assert.Equal(74, stop.GetProperty("exitCode").GetInt32());
        Assert.Equal("--map-out: cannot write '/dev/full': No space left on device", stop.GetProperty("error").GetString());
    }

    [Fact]
    public void Serial_Tty_GoesToStdoutByteForByte()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(value => (byte)value)];
        FakeMachine machine = new((config, outputs) =>
        {
            outputs.SerialOutput!.Write(bytes);
            return FakeMachine.Result(config, StopReason.PowerOff);
        });

        Assert.Equal(bytes, Run(machine).OutputBytes);
    }

    [Fact]
    public void Json_PutsTheResultOnStdoutAndTheConsoleOnStderr()
    {
        FakeMachine machine = new((config, outputs) =>
        {
            outputs.SerialOutput!.Write("console\n"u8);
            return FakeMachine.Result(config, StopReason.Timeout);
        });

        CliResult result = Run(machine, "--json");

        Assert.Equal("timeout", JsonDocument.Parse(result.Output).RootElement.GetProperty("stop").GetProperty("reason").GetString());
        Assert.StartsWith("console\n", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_AfterAFailure_IsStillPrinted()
    {
        CliResult result = Run(new FakeMachine((_, _) => throw new IOException("broken")), "--json");

        Assert.Equal(74, result.ExitCode);
        Assert.Equal("broken", JsonDocument.Parse(result.Output).RootElement.GetProperty("stop").GetProperty("error").GetString());
        Assert.Equal("kvmsev: broken\n", result.Error);
    }

    [Fact]
    public void Serial_Off_HasNoOutput()
    {
        FakeMachine machine = new(StopReason.PowerOff);

        Run(machine, "--serial", "off");

        Assert.Null(machine.Outputs!.SerialOutput);
    }

    [Fact]
    public void Terminal_IsRawWhileTheGuestRuns_AndRestoredAfterwards()
    {
        int depth = 0;
        int depthInGuest = -1;
        FakeMachine machine = new((_, _) =>
        {
            depthInGuest = depth;
            throw new IOException("broken");
        });
        CliRunner runner = new()
        {
            Machine = machine,
            RawTerminal = () =>
            {
                depth++;
                return new OnDispose(() => depth--);
            },
        };

        runner.RunWith("run", "--kernel", _directory.Kernel);

        Assert.Equal(1, depthInGuest);
        Assert.Equal(0, depth);
    }

    [Theory]
    [InlineData("off")]
    [InlineData("file=FILE")]
    public void Terminal_IsLeftAlone_WhenTheConsoleIsElsewhere(string serial)
    {
        CliRunner runner = new()
        {
            Machine = new FakeMachine(StopReason.PowerOff),
            RawTerminal = () => throw new InvalidOperationException("touched"),
        };

        string target = serial.Replace("FILE", _directory.File("serial"), StringComparison.Ordinal);

        Assert.Equal(0, runner.RunWith("run", "--kernel", _directory.Kernel, "--serial", target).ExitCode);
    }

    [Theory]
    [InlineData(Mono.Unix.Native.Signum.SIGTERM)]
    [InlineData(Mono.Unix.Native.Signum.SIGHUP)]
    public void Signal_WhileTheGuestRuns_StopsIt(Mono.Unix.Native.Signum signal)
    {
        FakeMachine machine = new((config, outputs) =>
        {
            using ManualResetEventSlim stopped = new();
            StopReason reason = StopReason.None;
            outputs.Stop.Attach(new Control(asked =>
            {
                reason = asked;
                stopped.Set();
            }));
            Assert.Equal(0, Mono.Unix.Native.Syscall.kill(Environment.ProcessId, signal));
            Assert.True(stopped.Wait(TimeSpan.FromSeconds(30)), "the signal did not arrive");
            return FakeMachine.Result(config, reason);
        });

        CliResult result = Run(machine, "--result", _directory.File("result"));

        Assert.Equal(143, result.ExitCode);
        Assert.Equal(143, Result(_directory.File("result")).GetProperty("stop").GetProperty("exitCode").GetInt32());
    }

    [Fact]
    public void StopRelay_RequestBeforeTheMachine_IsPassedOnOnce()
    {
        List<StopReason> asked = [];
        StopRelay relay = new();

        relay.Request(StopReason.Interrupted);
        relay.Request(StopReason.Terminated);
        relay.Attach(new Control(asked.Add));
        relay.Request(StopReason.Terminated);

        Assert.Equal([StopReason.Interrupted], asked);
        Assert.Equal(StopReason.Interrupted, relay.Requested);
    }

    [Fact]
    public void StopRelay_RequestAfterDetach_IsOnlyRemembered()
    {
        List<StopReason> asked = [];
        StopRelay relay = new();
        relay.Attach(new Control(asked.Add));
        relay.Detach();

        relay.Request(StopReason.Interrupted);

        Assert.Empty(asked);
        Assert.Equal(StopReason.Interrupted, relay.Requested);
    }

    [Fact]
    public void Summary_SaysHowItEnded_AndThatSimulatedProtectsNothing()
    {
        FakeMachine machine = new((config, _) => FakeMachine.Result(config, StopReason.UntilMatched) with
        {
            Hypercalls = new HypercallCounts
            {
                Accepted = 643,
                RejectedByCause = new Dictionary<string, ulong> { ["unaligned"] = 2, ["zero-pages"] = 1 },
            },
            Map = SomeMap(),
        });

        CliResult result = Run(machine, "--sev", "simulated");

        Assert.Equal(
            [
                "kvmsev: the console matched --until after 2.3 s; hypercalls: 643 accepted, 3 rejected"
                    + "; pages: 0 private, 2 shared, 14 unreported",
                "kvmsev: protection: none: SEV is simulated by a C-bit alias, nothing is encrypted and nothing is confidential",
            ],
            result.ErrorLines);
    }

    [Fact]
    public void Summary_OfACrash_HasItsDetailInOneLine()
    {
        FakeMachine machine = new((config, _) =>
            FakeMachine.Result(config, StopReason.Crash) with { Detail = "KVM_EXIT_INTERNAL_ERROR\nsuberror 1" });

        Assert.Equal(
            [
                @"kvmsev: the guest crashed: KVM could not go on (KVM_EXIT_INTERNAL_ERROR\x0asuberror 1) after 2.3 s"
                    + "; hypercalls: 0 accepted, 0 rejected",
            ],
            Run(machine, "-q").ErrorLines);
    }

    [Fact]
    public void Summary_OfACrash_HasTheReportLineByLine()
    {
        FakeMachine machine = new((config, _) =>
            FakeMachine.Result(config, StopReason.Crash) with { CrashReport = "rax 0x0\n  0f 0b  ud2\e[31m" });

        Assert.Equal(["kvmsev: rax 0x0", @"kvmsev:   0f 0b  ud2\x1b[31m"], Run(machine).ErrorLines[..^1]);
    }

    [Fact]
    public void Quiet_GoodEnd_SaysNothing() => Assert.Empty(Run(new FakeMachine(StopReason.PowerOff), "-q", "--sev", "simulated").Error);

    private static VmConfig Config => new() { Boot = new BootConfig("k", null, string.Empty) };

    private static SharedRegionMap SomeMap()
    {
        SharedRegionTracker tracker = new([GpaRange.FromBounds(0, 0x10000)]);
        tracker.Set(GpaRange.FromBounds(0x2000, 0x4000), PageState.Shared);
        return tracker.Snapshot();
    }

    private static JsonElement Result(string path) => JsonDocument.Parse(File.ReadAllText(path)).RootElement;

    private CliResult Run(FakeMachine machine, params string[] options) =>
        new CliRunner { Machine = machine }.RunWith(["run", "--kernel", _directory.Kernel, .. options]);

    private CliResult RunWithInput(string option, string path) =>
        option == "--kernel" ? CliRunner.Run("run", "--kernel", path) : CliRunner.Run("run", "--kernel", _directory.Kernel, option, path);

    private sealed class Control(Action<StopReason> asked) : IMachineControl
    {
        public void RequestStop(StopReason reason, int guestCode = 0) => asked(reason);
    }

    private sealed class OnDispose(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
