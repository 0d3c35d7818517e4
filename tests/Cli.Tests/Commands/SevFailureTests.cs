using System.Collections.Concurrent;
using System.Globalization;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Tests.Firmware;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// Every call of every launch, refused in turn on a simulated SEV host. Each test is one launch and one error number, or one command and
/// every status of the firmware; what a single run did wrong is told run by run.
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
        // Each command once a launch; every status with every command, the launches taking turns.
        SevFailure[] calls = await CallsOfAsync(launch);
        string[] commands = [.. calls.Select(static call => call.Call).Where(RefusalRule.ReachesFirmware).Distinct()];
        int turn = SevLaunchCase.All.ToList().IndexOf(launch);

        await CheckAsync(
            launch,
            [
                .. commands
                    .SelectMany(static (command, index) => RefusalRule.FirmwareStatuses.Select(status => (command, index, status)))
                    .Where(run => (run.index + run.status) % SevLaunchCase.All.Count == turn)
                    .Where(static run => !IsAnswerToALengthQuery(run.command, run.status))
                    .Select(static run => new SevFailure(run.command, 1, "EIO", run.status)),
            ]);
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
        Assert.Empty(run.Violations);
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

    private async Task CheckAsync(SevLaunchCase launch, SevFailure[] failures)
    {
        Assert.NotEmpty(failures);
        string[] options = OptionsOf(launch);
        var wrong = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(
            failures,
            new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken },
            async (failure, _) =>
            {
                SevHostRun run = await _host.RunAsync($"{launch.Host} --fail {failure}", launch.Sev, options);
                foreach (string problem in Problems(failure, run))
                {
                    wrong.Enqueue($"--fail {failure}: {problem}");
                }
            });
        TestContext.Current.SendDiagnosticMessage(
            string.Create(CultureInfo.InvariantCulture, $"{failures.Length} refused launches of {launch}, {wrong.Count} problems"));
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Order(StringComparer.Ordinal)));
    }

    /// <summary>The kernel's answer to a pending signal too: such a call is repeated, which FirmwareLaunchTests shows.</summary>
    private static bool MayBeASignal(SevFailure failure) => failure is { Call: "SEV_SNP_LAUNCH_UPDATE", Errno: "EIO", Firmware: null };

    private string[] OptionsOf(SevLaunchCase launch)
    {
        if (!launch.HasFirmware)
        {
            return ["--cpus", "2"];
        }

        string firmware = _folder.File("OVMF.fd");
        File.WriteAllBytes(firmware, OvmfBuilder.Complete().ToBytes());
        return ["--cpus", "2", "--firmware", firmware, "--cmdline", "console=ttyS0"];
    }

    private static bool IsRefusable(string call) =>
        Array.Exists(Refusable, prefix => call.StartsWith(prefix, StringComparison.Ordinal));

    private static bool IsAnswerToALengthQuery(string command, uint status) => command == "SEV_LAUNCH_MEASURE" && status == 0x04;

    private static IEnumerable<string> Problems(SevFailure failure, SevHostRun run)
    {
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        int at = Array.FindIndex(
            lines,
            line => line.StartsWith("kvmsev: ", StringComparison.Ordinal)
                && line.Contains(RefusalRule.LineFor(failure), StringComparison.Ordinal));
        if (run.Injected != 1)
        {
            yield return $"{run.Injected} calls were refused";
        }

        if (run.ExitCode != RefusalRule.ExitCodeFor(failure))
        {
            yield return $"exit code {run.ExitCode}, not {RefusalRule.ExitCodeFor(failure)}";
        }

        if (at < 0)
        {
            yield return $"no line with '{RefusalRule.LineFor(failure)}' in: {run.Error}";
        }
        else if (failure.Firmware is uint status
            && !lines[at].EndsWith(SevFirmwareStatusText.Meaning((SevFirmwareStatus)status).TrimEnd('.'), StringComparison.Ordinal))
        {
            yield return $"the meaning of the firmware's status is missing: {lines[at]}";
        }
        else if (at != lines.Length - 2 || !lines[^1].StartsWith("  hint: ", StringComparison.Ordinal))
        {
            yield return $"the last line is no cause and cure: {run.Error}";
        }

        foreach (string violation in run.Violations)
        {
            yield return $"violation: {violation}";
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
