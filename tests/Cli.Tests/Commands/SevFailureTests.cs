using System.Collections.Concurrent;
using System.Globalization;
using KvmSevVmm.Sev.Tests.Firmware;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// Every call of every launch, refused in turn on a simulated SEV host: every call with every error number, every command with every status
/// of the firmware. Each run is a process of its own; what a single one did wrong is told run by run.
/// </summary>
public sealed class SevFailureTests : IDisposable
{
    /// <summary>What the simulated host can refuse; running the guest and releasing what was pinned have tests of their own.</summary>
    private static readonly string[] Refusable =
    [
        "PSP_", "SEV_", "KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_SET_USER_MEMORY_REGION", "KVM_MEMORY_ENCRYPT_REG_REGION",
        "KVM_SET_MEMORY_ATTRIBUTES", "KVM_CREATE_GUEST_MEMFD",
    ];

    private static readonly ConcurrentDictionary<SevLaunchCase, Task<SevFailure[]>> Calls = new();
    private readonly SevHostFixture _host = new();
    private readonly TempDirectory _folder = new();

    public static TheoryData<SevLaunchCase> Launches => [.. SevLaunchCase.All];

    public static TheoryData<SevLaunchCase> SnpLaunches => [.. SevLaunchCase.Snp];

    public static TheoryData<SevLaunchCase, string> LaunchesAndErrors =>
        [.. SevLaunchCase.All.SelectMany(static launch => RefusalRule.ErrorNumbers.Select(errno => (launch, errno)))];

    public void Dispose()
    {
        _folder.Dispose();
        _host.Dispose();
    }

    [Theory]
    [MemberData(nameof(LaunchesAndErrors))]
    public async Task EachCall_Refused_IsNamedAndLeavesNothingBehind(SevLaunchCase launch, string errno)
    {
        SevFailure[] calls = await CallsOfAsync(launch);

        await CheckAsync(launch, [.. calls.Select(call => call with { Errno = errno }).Where(static call => !MayBeASignal(call))]);
    }

    [Theory]
    [MemberData(nameof(Launches))]
    public async Task EachCommand_RefusedByTheFirmware_IsNamedAndLeavesNothingBehind(SevLaunchCase launch)
    {
        string[] commands = await CommandsOfAsync(launch);

        await CheckAsync(
            launch, [.. commands.SelectMany(static command => RefusalRule.FirmwareStatuses.Select(status => Refuse(command, status)))]);
    }

    /// <summary>After a command that took too long the kernel asks the firmware no more, and says so of each.</summary>
    [Theory]
    [MemberData(nameof(Launches))]
    public async Task EachCommand_ThatNeverReachesTheFirmware_IsNamedAndLeavesNothingBehind(SevLaunchCase launch)
    {
        string[] commands = await CommandsOfAsync(launch);

        await CheckAsync(launch, [.. commands.Select(static command => new SevFailure(command, 1, "EBUSY", RefusalRule.NotCalled))]);
    }

    /// <summary>EIO alone is the kernel's answer to a signal that was pending too: the call is made again.</summary>
    [Theory]
    [MemberData(nameof(SnpLaunches))]
    public async Task PagesThatASignalInterrupts_AreAddedAllTheSame(SevLaunchCase launch)
    {
        string[] options = OptionsOf(launch);
        SevHostRun whole = await _host.RunAsync(launch.Host, launch.Sev, options);
        SevFailure[] calls = [.. (await CallsOfAsync(launch)).Select(static call => call with { Errno = "EIO" }).Where(MayBeASignal)];

        Assert.InRange(calls.Length, 6, 30);
        await Parallel.ForEachAsync(calls, InPairs, async (call, _) =>
        {
            SevHostRun run = await _host.RunAsync($"{launch.Host} --fail {call}", launch.Sev, options);

            Assert.Equal((ExitCode.Success, 1), (run.ExitCode, run.Injected));
            Assert.Empty(run.Violations);
            Assert.Equal(whole.OfVm("launch_digest"), run.OfVm("launch_digest"));
            Assert.Equal(whole.Result.GetProperty("launchDigest").GetString(), run.Result.GetProperty("launchDigest").GetString());
        });
    }

    [Theory]
    [MemberData(nameof(SnpLaunches))]
    public async Task PagesThatTheKernelNeverAdds_EndTheLaunch(SevLaunchCase launch)
    {
        var always = new SevFailure("SEV_SNP_LAUNCH_UPDATE", 0, "EIO");

        SevHostRun run = await _host.RunAsync($"{launch.Host} --fail {always}", launch.Sev, OptionsOf(launch));

        // The first call and 16 more.
        Assert.Empty(Problems(always, run, refusals: 17));
    }

    [Fact]
    public async Task FirmwareWithoutTheLengthOfItsMeasurement_IsNamed()
    {
        // The first LAUNCH_MEASURE asks for the length: INVALID_LEN is the answer, but the length itself is missing here.
        SevHostRun run = await _host.RunAsync("--sev --c-bit-alias --fail 1:SEV_LAUNCH_MEASURE:EIO:0x04", "sev");

        Assert.Equal(ExitCode.IoError, run.ExitCode);
        Assert.StartsWith(
            "kvmsev: KVM_SEV_LAUNCH_MEASURE failed: the firmware gives 0 bytes, not 48.\n  hint: ", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Violations);
    }

    [Theory]
    [InlineData("EINVAL", ExitCode.HostLacks)]
    [InlineData("EIO", ExitCode.IoError)]
    [InlineData("ENOMEM", ExitCode.HostLacks)]
    public async Task Guest_ThatTheKernelRefusesToRun_EndsTheMonitor(string errno, int exitCode)
    {
        SevHostRun run = await _host.RunAsync($"--sev --c-bit-alias --fail 1:KVM_RUN:{errno}", "sev");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains($"KVM_RUN failed: {errno} (", run.Error, StringComparison.Ordinal);
        Assert.Contains("\n  hint: ", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Violations);
        Assert.Equal(1, run.Count("KVM_MEMORY_ENCRYPT_UNREG_REGION"));
    }

    [Theory]
    [InlineData("EINVAL")]
    [InlineData("EIO")]
    public async Task MemoryThatTheKernelDoesNotRelease_IsReportedAndChangesNothingElse(string errno)
    {
        SevHostRun run = await _host.RunAsync($"--sev --c-bit-alias --fail 1:KVM_MEMORY_ENCRYPT_UNREG_REGION:{errno}", "sev");

        Assert.Equal((21 << 1) | 1, run.ExitCode);
        Assert.Contains("stays pinned until the VM is closed: KVM_MEMORY_ENCRYPT_UNREG_REGION failed", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Violations);
    }

    /// <summary>The calls of one launch that can be refused, as a run without a failure shows them.</summary>
    private Task<SevFailure[]> CallsOfAsync(SevLaunchCase launch) => Calls.GetOrAdd(launch, async key =>
    {
        SevHostRun run = await _host.RunAsync(key.Host, key.Sev, OptionsOf(key));
        Assert.Equal(ExitCode.Success, run.ExitCode);
        Assert.Empty(run.Violations);
        Assert.Empty(run.Leaks);
        var counts = new Dictionary<string, int>();
        List<SevFailure> calls = [];
        foreach (string call in run.Calls.Where(IsRefusable))
        {
            counts[call] = counts.GetValueOrDefault(call) + 1;
            calls.Add(new SevFailure(call, counts[call], string.Empty));
        }

        Assert.InRange(calls.Count, 10, 100);
        return [.. calls];
    });

    /// <summary>Its commands to the firmware: the platform's status, and what makes a guest of the VM, launches and finishes it.</summary>
    private async Task<string[]> CommandsOfAsync(SevLaunchCase launch)
    {
        SevFailure[] calls = await CallsOfAsync(launch);
        string[] commands = [.. calls.Select(static call => call.Call).Where(RefusalRule.ReachesFirmware).Distinct()];
        Assert.InRange(commands.Length, 5, 7);
        return commands;
    }

    private async Task CheckAsync(SevLaunchCase launch, SevFailure[] failures)
    {
        Assert.NotEmpty(failures);
        string[] options = OptionsOf(launch);
        var wrong = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(
            failures,
            InPairs,
            async (failure, _) =>
            {
                SevHostRun run = await _host.RunAsync($"{launch.Host} --fail {failure}", launch.Sev, options);
                foreach (string problem in Problems(failure, run, refusals: 1))
                {
                    wrong.Enqueue($"--fail {failure}: {problem}");
                }
            });
        TestContext.Current.SendDiagnosticMessage(
            string.Create(CultureInfo.InvariantCulture, $"{failures.Length} refused launches of {launch}, {wrong.Count} problems"));
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Order(StringComparer.Ordinal)));
    }

    private static ParallelOptions InPairs =>
        new() { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken };

    /// <summary>A refusal of the first such command; INVALID_LEN is what answers the question for the measurement's length.</summary>
    private static SevFailure Refuse(string command, uint status) =>
        new(command, command == "SEV_LAUNCH_MEASURE" && status == 0x04 ? 2 : 1, "EIO", status);

    /// <summary>The kernel's answer to a pending signal too.</summary>
    private static bool MayBeASignal(SevFailure failure) => failure is { Call: "SEV_SNP_LAUNCH_UPDATE", Errno: "EIO", Firmware: null };

    private string[] OptionsOf(SevLaunchCase launch)
    {
        if (!launch.HasFirmware)
        {
            return ["--launch-only", "--cpus", "2"];
        }

        string firmware = _folder.File("OVMF.fd");
        File.WriteAllBytes(firmware, OvmfBuilder.Complete().ToBytes());
        return ["--launch-only", "--cpus", "2", "--firmware", firmware, "--cmdline", "console=ttyS0"];
    }

    private static bool IsRefusable(string call) =>
        Array.Exists(Refusable, prefix => call.StartsWith(prefix, StringComparison.Ordinal));

    private static IEnumerable<string> Problems(SevFailure failure, SevHostRun run, int refusals)
    {
        if (run.Injected != refusals)
        {
            yield return $"{run.Injected} calls were refused";
        }

        foreach (string problem in RefusalRule.ProblemsOf(failure, run.ExitCode, run.Error))
        {
            yield return problem;
        }

        foreach (string violation in run.Violations)
        {
            yield return $"violation: {violation}";
        }

        foreach (string leak in run.Leaks)
        {
            yield return $"leak: {leak}";
        }

        if (run.Count("KVM_MEMORY_ENCRYPT_REG_REGION") != run.Count("KVM_MEMORY_ENCRYPT_UNREG_REGION"))
        {
            yield return "registered memory was not released";
        }

        string? reason = run.Result.GetProperty("stop").GetProperty("reason").GetString();
        if (reason != "not-started")
        {
            yield return $"the result says {reason}";
        }
    }
}
