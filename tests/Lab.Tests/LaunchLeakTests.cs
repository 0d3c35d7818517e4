using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.Sev.Tests.Firmware;
using static System.FormattableString;

namespace KvmSevVmm.Lab.Tests;

/// <summary>A launch that fails leaves nothing in its process, whichever step is refused: no descriptor, memory or registration.</summary>
public sealed class LaunchLeakTests
{
    /// <summary>
    /// The steps in their order. Each attempt passes those that failed before; the number counts the calls over all attempts, without those
    /// that an earlier entry refused.
    /// </summary>
    private static readonly (string Failure, string End)[] SevSteps =
    [
        ("1:PSP_PLATFORM_STATUS:EIO:0x01", "SEV_PLATFORM_STATUS failed: EIO (5), firmware INVALID_PLATFORM_STATE (0x01)"),
        ("1:KVM_CREATE_VM:EINVAL", "KVM_CREATE_VM failed: EINVAL (22)"),
        ("1:SEV_INIT2:EBUSY", "KVM_SEV_INIT2 failed: EBUSY (16)"),
        ("1:KVM_SET_USER_MEMORY_REGION:ENOMEM", "KVM_SET_USER_MEMORY_REGION failed: ENOMEM (12)"),
        ("1:KVM_CREATE_VCPU:EINVAL", "KVM_CREATE_VCPU failed: EINVAL (22)"),
        ("2:KVM_CREATE_VCPU:EINVAL", "KVM_CREATE_VCPU failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_START:EIO:0x17", "KVM_SEV_LAUNCH_START failed: EIO (5), firmware RESOURCE_LIMIT (0x17)"),
        ("1:KVM_MEMORY_ENCRYPT_REG_REGION:ENOMEM", "KVM_MEMORY_ENCRYPT_REG_REGION failed: ENOMEM (12)"),
        ("1:SEV_LAUNCH_UPDATE_DATA:EIO:0x02", "KVM_SEV_LAUNCH_UPDATE_DATA failed: EIO (5), firmware INVALID_GUEST_STATE (0x02)"),
        ("2:SEV_LAUNCH_UPDATE_DATA:EINVAL", "KVM_SEV_LAUNCH_UPDATE_DATA failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_MEASURE:EIO:0x13", "KVM_SEV_LAUNCH_MEASURE failed: EIO (5), firmware HWSEV_RET_PLATFORM (0x13)"),
        ("2:SEV_LAUNCH_MEASURE:EINVAL", "KVM_SEV_LAUNCH_MEASURE failed: EINVAL (22)"),
        ("1:SEV_LAUNCH_FINISH:EIO:0x02", "KVM_SEV_LAUNCH_FINISH failed: EIO (5), firmware INVALID_GUEST_STATE (0x02)"),
    ];

    private static readonly (string Failure, string End)[] SevEsSteps =
    [
        .. SevSteps[..10],
        ("1:SEV_LAUNCH_UPDATE_VMSA:EIO:0x09", "KVM_SEV_LAUNCH_UPDATE_VMSA failed: EIO (5), firmware INVALID_ADDRESS (0x09)"),
        .. SevSteps[10..],
    ];

    private static readonly (string Failure, string End)[] SnpSteps =
    [
        .. SevSteps[..3],
        ("1:KVM_CREATE_GUEST_MEMFD:ENOMEM", "KVM_CREATE_GUEST_MEMFD failed: ENOMEM (12)"),
        ("1:KVM_SET_USER_MEMORY_REGION2:ENOMEM", "KVM_SET_USER_MEMORY_REGION2 failed: ENOMEM (12)"),
        ("3:KVM_CREATE_GUEST_MEMFD:ENOMEM", "KVM_CREATE_GUEST_MEMFD failed: ENOMEM (12)"),
        ("3:KVM_SET_USER_MEMORY_REGION2:ENOMEM", "KVM_SET_USER_MEMORY_REGION2 failed: ENOMEM (12)"),
        .. SevSteps[4..6],
        ("1:SEV_SNP_LAUNCH_START:EIO:0x17", "KVM_SEV_SNP_LAUNCH_START failed: EIO (5), firmware RESOURCE_LIMIT (0x17)"),
        ("1:KVM_SET_MEMORY_ATTRIBUTES:ENOMEM", "KVM_SET_MEMORY_ATTRIBUTES failed: ENOMEM (12)"),
        ("1:SEV_SNP_LAUNCH_UPDATE:EIO:0x1a", "KVM_SEV_SNP_LAUNCH_UPDATE failed: EIO (5), firmware INVALID_PAGE_STATE (0x1A)"),
        ("4:SEV_SNP_LAUNCH_UPDATE:EINVAL", "KVM_SEV_SNP_LAUNCH_UPDATE failed: EINVAL (22)"),
        ("1:SEV_SNP_LAUNCH_FINISH:EIO:0x17", "KVM_SEV_SNP_LAUNCH_FINISH failed: EIO (5), firmware RESOURCE_LIMIT (0x17)"),
    ];

    [Theory]
    [InlineData("sev", "--sev", "--c-bit-alias")]
    [InlineData("sev-es", "--sev-es", "--cbit", "46")]
    [InlineData("sev-snp", "--snp")]
    public async Task EachStepRefused_InOneProcess_LeavesNothing(string mode, params string[] machine)
    {
        (string Failure, string End)[] steps = mode switch { "sev" => SevSteps, "sev-es" => SevEsSteps, _ => SnpSteps };
        string? host = Environment.GetEnvironmentVariable("KVMSEV_SEV_HOST");
        Assert.SkipWhen(
            string.IsNullOrEmpty(host), "no simulated SEV host: KVMSEV_SEV_HOST does not name one (scripts/sev-host.sh builds it)");
        string? reason = TestSupport.KvmHost.SkipReason ?? (File.Exists(Repository.Artifact("labprobe"))
            ? null
            : "artifacts/labprobe is not built; scripts/build.sh builds it");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string log = Path.GetTempFileName();
        string? firmware = mode == "sev-snp" ? Path.GetTempFileName() : null;
        try
        {
            if (firmware is not null)
            {
                await File.WriteAllBytesAsync(firmware, OvmfBuilder.Complete().ToBytes(), TestContext.Current.CancellationToken);
            }

            string[] lines = await RunAsync(
                [host!, .. machine, "--quiet", "--log", log, .. steps.SelectMany(static step => new[] { "--fail", step.Failure }), "--"],
                [.. Invariant($"leaks {steps.Length + 1} {mode}").Split(' '), .. firmware is null ? [] : new[] { firmware }]);

            // Each step has failed once, then the launch succeeds; the first attempt pays for what stays, such as the runtime's own files.
            Assert.Equal([.. steps.Select(static step => step.End), "launched"], lines.Select(static line => line.Split('\t')[0]));
            long[] descriptors = [.. lines.Select(static line => long.Parse(line.Split('\t')[1], CultureInfo.InvariantCulture))];
            long[] kilobytes = [.. lines.Select(static line => long.Parse(line.Split('\t')[2], CultureInfo.InvariantCulture))];
            Assert.All(descriptors.Skip(2), count => Assert.Equal(descriptors[1], count));
            Assert.InRange(kilobytes[^1] - kilobytes[1], long.MinValue, 48 << 10);
            string[] calls = await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken);
            int refused = mode == "sev-snp" ? 0 : 1;
            Assert.Equal(Count(calls, "KVM_MEMORY_ENCRYPT_REG_REGION") - refused, Count(calls, "KVM_MEMORY_ENCRYPT_UNREG_REGION"));
            Assert.DoesNotContain("leaked-registration", calls[^1], StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(log);
            if (firmware is not null)
            {
                File.Delete(firmware);
            }
        }
    }

    private static async Task<string[]> RunAsync(string[] host, string[] arguments)
    {
        var start = new ProcessStartInfo(host[0], [.. host[1..], Repository.Artifact("labprobe"), .. arguments])
        {
            RedirectStandardOutput = true,
        };

        // Else the C library gives a new thread 64 MiB of address space for its heap, once: as much as the guest's memory.
        start.Environment["MALLOC_ARENA_MAX"] = "1";
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static int Count(string[] lines, string call) =>
        lines.Count(line => line.Contains($"\"call\":\"{call}\"", StringComparison.Ordinal));
}
