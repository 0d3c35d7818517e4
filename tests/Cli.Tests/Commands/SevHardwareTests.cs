namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>The hardware path against a machine with SEV; skipped, with the reason, where none is given.</summary>
public sealed class SevHardwareTests : IDisposable
{
    private readonly SevHostFixture _host = new();

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData("on", "SEV_INIT")]
    [InlineData("off", "SEV_INIT2")]
    public async Task Sev_Guest_RunsAndItsDigestIsTheFirmwares(string legacy, string init)
    {
        SevHostRun run = await _host.RunAsync("--sev --c-bit-alias", $"sev,legacy-vm-type={legacy}");

        Assert.Equal((21 << 1) | 1, run.ExitCode);
        Assert.Empty(run.Violations);
        Assert.Equal(1, run.Count(init));
        Assert.Equal(run.OfVm("launch_digest"), run.Result.GetProperty("launchDigest").GetString());
        Assert.Equal(run.OfVm("measurement") + run.OfVm("mnonce"), run.Result.GetProperty("launchMeasurement").GetString());
        Assert.Equal(1, run.Count("KVM_MEMORY_ENCRYPT_UNREG_REGION"));
    }

    [Theory]
    [InlineData("on", "SEV_ES_INIT", "1")]
    [InlineData("on", "SEV_ES_INIT", "2")]
    [InlineData("on", "SEV_ES_INIT", "4")]
    [InlineData("off", "SEV_INIT2", "1")]
    [InlineData("off", "SEV_INIT2", "2")]
    [InlineData("off", "SEV_INIT2", "4")]
    public async Task SevEs_Guest_IsLaunchedItsDigestKnownAndItsStateItsOwn(string legacy, string init, string vcpus)
    {
        // Without the hardware its page tables lead nowhere, so it shuts down at once; what counts is the launch before.
        SevHostRun run = await _host.RunAsync("--sev-es --cbit 46", $"sev-es,legacy-vm-type={legacy}", "--cpus", vcpus);

        Assert.Equal(ExitCode.GuestCrash, run.ExitCode);
        Assert.Empty(run.Violations);
        Assert.Equal(1, run.Count(init));
        Assert.Equal(1, run.Count("SEV_LAUNCH_UPDATE_VMSA"));
        Assert.Equal(1, run.Count("SEV_LAUNCH_FINISH"));
        Assert.Equal(run.OfVm("launch_digest"), run.Result.GetProperty("launchDigest").GetString());
        Assert.Contains("registers and code: encrypted", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1:PSP_PLATFORM_STATUS:EIO:0x01", 69, "SEV_PLATFORM_STATUS failed: EIO (5), firmware INVALID_PLATFORM_STATE (0x01)")]
    [InlineData("1:KVM_CREATE_VM:EINVAL", 69, "KVM_CREATE_VM failed: EINVAL (22)")]
    [InlineData("1:SEV_INIT2:EBUSY", 69, "KVM_SEV_INIT2 failed: EBUSY (16)\n  hint: Every ASID of this kind is in use")]
    [InlineData("1:SEV_INIT2:ENOTTY", 69, "KVM_SEV_INIT2 failed: ENOTTY (25)\n  hint: The host has no ASIDs for this kind of guest")]
    [InlineData("1:KVM_CREATE_VCPU:ENOMEM", 69, "KVM_CREATE_VCPU failed: ENOMEM (12)")]
    [InlineData("1:SEV_LAUNCH_START:EIO:0x07", 65, "KVM_SEV_LAUNCH_START failed: EIO (5), firmware POLICY_FAILURE (0x07)")]
    [InlineData("1:SEV_LAUNCH_START:EIO:0x17", 69, "KVM_SEV_LAUNCH_START failed: EIO (5), firmware RESOURCE_LIMIT (0x17)")]
    [InlineData("1:SEV_LAUNCH_START:EBUSY", 69, "KVM_SEV_LAUNCH_START failed: EBUSY (16)")]
    [InlineData("1:KVM_MEMORY_ENCRYPT_REG_REGION:ENOMEM", 69, "KVM_MEMORY_ENCRYPT_REG_REGION failed: ENOMEM (12)\n  hint: Pinning")]
    [InlineData("1:SEV_LAUNCH_UPDATE_DATA:EIO:0x02", 74, "KVM_SEV_LAUNCH_UPDATE_DATA failed: EIO (5), firmware INVALID_GUEST_STATE (0x02)")]
    [InlineData("3:SEV_LAUNCH_UPDATE_DATA:ENOMEM", 69, "KVM_SEV_LAUNCH_UPDATE_DATA failed: ENOMEM (12)\n  hint: Pinning")]
    [InlineData("1:SEV_LAUNCH_MEASURE:EIO:0x13", 69, "KVM_SEV_LAUNCH_MEASURE failed: EIO (5), firmware HWSEV_RET_PLATFORM (0x13)")]
    [InlineData("2:SEV_LAUNCH_MEASURE:EIO:0x02", 74, "KVM_SEV_LAUNCH_MEASURE failed: EIO (5), firmware INVALID_GUEST_STATE (0x02)")]
    [InlineData("1:SEV_LAUNCH_FINISH:EIO:0x02", 74, "KVM_SEV_LAUNCH_FINISH failed: EIO (5), firmware INVALID_GUEST_STATE (0x02)")]
    public async Task RefusedCall_IsNamedAndLeavesNothingBehind(string failure, int exitCode, string words)
    {
        SevHostRun run = await _host.RunAsync($"--sev --c-bit-alias --fail {failure}", "sev");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.StartsWith("kvmsev: " + words, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Violations);
        Assert.Equal(run.Count("KVM_MEMORY_ENCRYPT_REG_REGION"), run.Count("KVM_MEMORY_ENCRYPT_UNREG_REGION"));
        Assert.Equal("not-started", run.Result.GetProperty("stop").GetProperty("reason").GetString());
    }
}
