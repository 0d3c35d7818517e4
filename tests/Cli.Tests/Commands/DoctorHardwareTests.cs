using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary><c>doctor</c> on simulated SEV hosts of every kind, and on ones that refuse a call.</summary>
public sealed class DoctorHardwareTests : IDisposable
{
    private readonly SevHostFixture _host = new();

    public void Dispose() => _host.Dispose();

    // The host, and which kinds of guest it can launch.
    [Theory]
    [InlineData("", "")]
    [InlineData("--sev", "sev")]
    [InlineData("--sev-es", "sev sev-es")]
    [InlineData("--snp", "sev sev-es sev-snp")]
    public async Task Host_IsToldByBeginningALaunchOfEachKind(string host, string kinds)
    {
        string[] offered = kinds.Split(' ', StringSplitOptions.RemoveEmptyEntries);

        SevHostCommand run = await _host.ExecuteAsync(host, SevHostFixture.Monitor, "doctor", "--json");

        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        foreach (string kind in (string[])["sev", "sev-es", "sev-snp"])
        {
            Assert.Equal(offered.Contains(kind), root.GetProperty("run").GetProperty(kind).GetProperty("usable").GetBoolean());
            string expected = offered.Length == 0 ? "skip" : offered.Contains(kind) ? "pass" : "fail";
            Assert.Equal(expected, Status(root, kind + "-guest"));
        }

        string launched = offered.Length == 0 ? "skip" : "pass";
        Assert.Equal(launched, Status(root, "asids"));
        Assert.Equal(launched, Status(root, "vm-types"));
        Assert.Equal(offered.Length == 0 ? "fail" : "pass", Status(root, "kvm-sev"));
        Assert.Equal(offered.Length == 0 ? "fail" : "pass", Status(root, "sev-device"));
        Assert.Equal(launched, Status(root, "sev-firmware"));
        Assert.Equal(offered.Count(static kind => kind != "sev-snp"), run.Count("SEV_LAUNCH_START"));
        Assert.Equal(offered.Contains("sev-snp") ? 1 : 0, run.Count("SEV_SNP_LAUNCH_START"));
        Assert.Equal(0, run.Violations);
        Assert.Equal(Count(root, "fail"), root.GetProperty("failures").GetInt32());
        Assert.Equal(Count(root, "skip"), root.GetProperty("skipped").GetInt32());
        Assert.All(
            root.GetProperty("tests").EnumerateArray(),
            static test => Assert.Equal(
                ["name", "status", "category", "description", "message", "fix_hint"],
                test.EnumerateObject().Select(static property => property.Name)));

        // A launch may begin where the guest's own call would never come back: a simulated host cannot know, the verdict says it.
        JsonElement vmmcall = root.GetProperty("tests").EnumerateArray()
            .Single(static test => test.GetProperty("name").GetString() == "vmmcall");
        bool isTold = root.GetProperty("run").GetProperty("sev").GetProperty("reason").GetString()!
            .EndsWith("; but it will not share pages here: " + vmmcall.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(offered.Contains("sev") && vmmcall.GetProperty("status").GetString() == "fail", isTold);
    }

    [Theory]
    [InlineData("", "sev", ExitCode.HostLacks)]
    [InlineData("--sev", "sev", ExitCode.Success)]
    [InlineData("--sev", "sev-es", ExitCode.HostLacks)]
    [InlineData("--sev-es", "sev-es", ExitCode.Success)]
    [InlineData("--sev-es", "sev-snp", ExitCode.HostLacks)]
    [InlineData("--snp", "sev-snp", ExitCode.Success)]
    public async Task Require_IsAGate(string host, string kind, int exitCode)
    {
        SevHostCommand run = await _host.ExecuteAsync(host, SevHostFixture.Monitor, "doctor", "--quiet", "--require", kind);

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Empty(run.Output);
        if (exitCode != ExitCode.Success)
        {
            Assert.StartsWith($"kvmsev: {kind} cannot be run here: ", run.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("1:PSP_PLATFORM_STATUS:EIO:0x01", "sev-firmware", "SEV_PLATFORM_STATUS failed: EIO (5), firmware INVALID_", "ccp")]
    [InlineData("1:SEV_INIT2:EBUSY", "sev-guest", "KVM_SEV_INIT2 failed: EBUSY (16)", "ASID")]
    [InlineData("1:SEV_INIT2:ENOTTY", "sev-guest", "KVM_SEV_INIT2 failed: ENOTTY (25)", "ASIDs")]
    [InlineData("1:SEV_LAUNCH_START:EIO:0x14", "sev-guest", "firmware HWSEV_RET_UNSAFE (0x14)", "Restart the host")]
    [InlineData("1:SEV_LAUNCH_START:EIO:0x17", "sev-guest", "firmware RESOURCE_LIMIT (0x17)", "end another SEV guest")]
    [InlineData("0:KVM_CREATE_VM:ENOMEM", "kvm-sev", "KVM_CREATE_VM failed: ENOMEM (12)", "SEV enabled in the BIOS")]
    public async Task RefusedCall_IsTheFindingAndClosesTheGate(string failure, string check, string message, string cure)
    {
        SevHostCommand run = await _host.ExecuteAsync(
            $"--sev --fail {failure}", SevHostFixture.Monitor, "doctor", "--json", "--require", "sev");

        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement test = Test(document.RootElement, check);
        Assert.Equal("fail", test.GetProperty("status").GetString());
        Assert.Contains(message, test.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(cure, test.GetProperty("fix_hint").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(test.GetProperty("fix_hint").GetString()!, test.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.False(document.RootElement.GetProperty("run").GetProperty("sev").GetProperty("usable").GetBoolean());
        Assert.Equal(ExitCode.HostLacks, run.ExitCode);
        Assert.Equal(0, run.Violations);
    }

    [Fact]
    public async Task LockLimitBelowAGuest_ClosesTheGateForModesThatPin_AndNamesTheLines()
    {
        SevHostCommand run = await _host.ExecuteAsync(
            "--snp",
            "setpriv", "--bounding-set=-ipc_lock", "prlimit", "--memlock=8388608:8388608", SevHostFixture.Monitor, "doctor", "--json");

        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement test = Test(document.RootElement, "memlock");
        JsonElement verdicts = document.RootElement.GetProperty("run");
        Assert.Equal("fail", test.GetProperty("status").GetString());
        Assert.Equal("8192 KiB; a SEV or SEV-ES guest of 512 MiB wants 540672 KiB", test.GetProperty("message").GetString());
        Assert.Contains("ulimit -l 540672", test.GetProperty("fix_hint").GetString(), StringComparison.Ordinal);
        Assert.Contains("LimitMEMLOCK=528M", test.GetProperty("fix_hint").GetString(), StringComparison.Ordinal);
        Assert.False(verdicts.GetProperty("sev").GetProperty("usable").GetBoolean());
        Assert.False(verdicts.GetProperty("sev-es").GetProperty("usable").GetBoolean());
        Assert.True(verdicts.GetProperty("sev-snp").GetProperty("usable").GetBoolean());
    }

    [Fact]
    public async Task Run_OnAMachineWithoutSev_SaysWhatIsMissingAndWhatToTry()
    {
        SevHostCommand run = await _host.ExecuteAsync(
            string.Empty, SevHostFixture.Monitor, "run", "--kernel", "/bin/true", "--memory", "64M", "--sev", "sev");

        Assert.Equal(ExitCode.HostLacks, run.ExitCode);
        Assert.Matches("^kvmsev: --sev sev: this KVM offers no SEV [^\n]*\n  hint: 'kvmsev doctor' [^\n]*\n$", run.Error);
    }

    private static JsonElement Test(JsonElement root, string name) =>
        root.GetProperty("tests").EnumerateArray().Single(test => test.GetProperty("name").GetString() == name);

    private static string? Status(JsonElement root, string name) => Test(root, name).GetProperty("status").GetString();

    private static int Count(JsonElement root, string status) =>
        root.GetProperty("tests").EnumerateArray().Count(test => test.GetProperty("status").GetString() == status);
}
