using System.Diagnostics;
using System.Globalization;

namespace KvmSevVmm.Lab.Tests;

/// <summary>A launch that fails leaves nothing in its process, whichever step is refused: no descriptor, memory or registration.</summary>
public sealed class LaunchLeakTests
{
    /// <summary>
    /// The steps in their order. Each attempt passes those that failed before; the number counts the calls over all attempts, without those
    /// that an earlier entry refused.
    /// </summary>
    private static readonly (string Failure, string End)[] Steps =
    [
        ("1:PSP_PLATFORM_STATUS:EINVAL", "SEV_PLATFORM_STATUS failed: EINVAL (22)"),
        ("1:KVM_CREATE_VM:EINVAL", "KVM_CREATE_VM failed: EINVAL (22)"),
        ("1:SEV_INIT2:EINVAL", "KVM_SEV_INIT2 failed: EINVAL (22)"),
        ("1:KVM_SET_USER_MEMORY_REGION:EINVAL", "KVM_SET_USER_MEMORY_REGION failed: EINVAL (22)"),
        ("1:KVM_CREATE_VCPU:EINVAL", "KVM_CREATE_VCPU failed: EINVAL (22)"),
        ("2:KVM_CREATE_VCPU:EINVAL", "KVM_CREATE_VCPU failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_START:EINVAL", "KVM_SEV_LAUNCH_START failed: EINVAL (22)"),
        ("1:KVM_MEMORY_ENCRYPT_REG_REGION:EINVAL", "KVM_MEMORY_ENCRYPT_REG_REGION failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_UPDATE_DATA:EINVAL", "KVM_SEV_LAUNCH_UPDATE_DATA failed: EINVAL (22)"),
        ("2:SEV_LAUNCH_UPDATE_DATA:EINVAL", "KVM_SEV_LAUNCH_UPDATE_DATA failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_UPDATE_VMSA:EINVAL", "KVM_SEV_LAUNCH_UPDATE_VMSA failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_MEASURE:EINVAL", "KVM_SEV_LAUNCH_MEASURE failed: EINVAL (22)"),
        ("2:SEV_LAUNCH_MEASURE:EINVAL", "KVM_SEV_LAUNCH_MEASURE failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_FINISH:EINVAL", "KVM_SEV_LAUNCH_FINISH failed: EINVAL (22)"),
    ];

    [Fact]
    public async Task EachStepRefused_InOneProcess_LeavesNothing()
    {
        string? host = Environment.GetEnvironmentVariable("KVMSEV_SEV_HOST");
        Assert.SkipWhen(
            string.IsNullOrEmpty(host), "no simulated SEV host: KVMSEV_SEV_HOST does not name one (scripts/sev-host.sh builds it)");
        string? reason = TestSupport.KvmHost.SkipReason ?? (File.Exists(Repository.Artifact("labprobe"))
            ? null
            : "artifacts/labprobe is not built; scripts/build.sh builds it");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string log = Path.GetTempFileName();
        try
        {
            string[] lines = await RunAsync(host!, log);

            // Each step has failed once, then the launch succeeds; the first attempt pays for what stays, such as the runtime's own files.
            Assert.Equal([.. Steps.Select(static step => step.End), "launched"], lines.Select(static line => line.Split('\t')[0]));
            long[] descriptors = [.. lines.Select(static line => long.Parse(line.Split('\t')[1], CultureInfo.InvariantCulture))];
            long[] kilobytes = [.. lines.Select(static line => long.Parse(line.Split('\t')[2], CultureInfo.InvariantCulture))];
            Assert.All(descriptors.Skip(2), count => Assert.Equal(descriptors[1], count));
            Assert.InRange(kilobytes[^1] - kilobytes[1], long.MinValue, 48 << 10);
            string[] calls = await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken);
            Assert.Equal(Count(calls, "KVM_MEMORY_ENCRYPT_REG_REGION") - 1, Count(calls, "KVM_MEMORY_ENCRYPT_UNREG_REGION"));
        }
        finally
        {
            File.Delete(log);
        }
    }

    private static async Task<string[]> RunAsync(string host, string log)
    {
        var start = new ProcessStartInfo(host) { RedirectStandardOutput = true };

        // Else the C library gives a new thread 64 MiB of address space for its heap, once: as much as the guest's memory.
        start.Environment["MALLOC_ARENA_MAX"] = "1";
        string[] arguments =
        [
            "--sev-es", "--cbit", "46", "--quiet", "--log", log, .. Steps.SelectMany(static step => new[] { "--fail", step.Failure }),
            "--", Repository.Artifact("labprobe"), "leaks", (Steps.Length + 1).ToString(CultureInfo.InvariantCulture),
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static int Count(string[] lines, string call) =>
        lines.Count(line => line.Contains($"\"call\":\"{call}\"", StringComparison.Ordinal));
}
