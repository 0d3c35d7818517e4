using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// Launches with firmware: what the simulated SEV host measured, and what the model measured, is what <see cref="LaunchDigests"/> foretells
/// for QEMU's launch of the same files.
/// </summary>
public sealed class FirmwareLaunchTests : IDisposable
{
    private const string CommandLine = "console=ttyS0 quiet";

    /// <summary>The guest ends itself at its reset vector: mov al, 21; out 0xf4, al; hlt.</summary>
    private const int ExitCodeOfGuest = (21 << 1) | 1;

    /// <summary>Calls of a launch, and which of that name: the first, one in the middle, the last.</summary>
    private static readonly string[] Refusable =
    [
        "KVM_CREATE_VM 1", "SEV_INIT2 1", "KVM_CREATE_GUEST_MEMFD 1", "KVM_CREATE_GUEST_MEMFD 2", "KVM_SET_USER_MEMORY_REGION2 2",
        "KVM_CREATE_VCPU 2", "SEV_SNP_LAUNCH_START 1", "KVM_SET_MEMORY_ATTRIBUTES 1", "KVM_SET_MEMORY_ATTRIBUTES 6",
        "SEV_SNP_LAUNCH_UPDATE 1", "SEV_SNP_LAUNCH_UPDATE 4", "SEV_SNP_LAUNCH_UPDATE 6", "SEV_SNP_LAUNCH_FINISH 1",
    ];

    private static readonly byte[] ResetCode = [0xB0, 0x15, 0xE6, 0xF4, 0xF4];
    private readonly SevHostFixture _host = new();
    private readonly TempDirectory _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _host.Dispose();
    }

    [Theory]
    [InlineData("--snp", 1, true)]
    [InlineData("--snp", 4, false)]
    [InlineData("--snp --partial-progress", 2, true)]
    public async Task Snp_OnTheHost_IsMeasuredAsForetoldAndRuns(string host, int vcpus, bool withHashes)
    {
        string firmware = WriteFirmware();
        SevHostRun run = await _host.RunAsync(
            $"{host} --strict", $"sev-snp,kernel-hashes={OnOff(withHashes)}", Options(firmware, vcpus));

        Assert.Equal(ExitCodeOfGuest, run.ExitCode);
        Assert.Empty(run.Violations);
        CheckDigest(run, LaunchMode.Snp, firmware, withHashes, vcpus, VmsaProfile.QemuInit2);
        Assert.Equal(0x30000, run.Summary.GetProperty("vms")[0].GetProperty("policy").GetInt64());
    }

    [Fact]
    public async Task Snp_OnTheHost_IssuesTheseCallsInThisOrder()
    {
        SevHostRun run = await _host.RunAsync("--snp", "sev-snp,kernel-hashes=on", Options(WriteFirmware(), 2));

        Assert.Equal(
            [
                "KVM_CREATE_VM", "SEV_INIT2", "KVM_ENABLE_CAP EXIT_HYPERCALL", "KVM_CREATE_GUEST_MEMFD", "KVM_SET_USER_MEMORY_REGION2",
                "KVM_CREATE_GUEST_MEMFD", "KVM_SET_USER_MEMORY_REGION2", "KVM_CREATE_VCPU", "KVM_CREATE_VCPU", "SEV_SNP_LAUNCH_START",
                .. Enumerable.Repeat(new[] { "KVM_SET_MEMORY_ATTRIBUTES", "SEV_SNP_LAUNCH_UPDATE" }, 6).SelectMany(static pair => pair),
                "SEV_SNP_LAUNCH_FINISH",
            ],
            run.Log.SkipLast(1).Select(NameOf).Where(static name => name is not null));
    }

    [Fact]
    public async Task Snp_WithIdBlockAndHostData_IsAcceptedByTheFirmware()
    {
        string firmware = WriteFirmware();
        (string block, string authentication) = WriteIdBlock(Foretell(LaunchMode.Snp, firmware, true, 1, VmsaProfile.QemuInit2));
        byte[] hostData = [.. Enumerable.Range(1, 32).Select(static i => (byte)i)];

        SevHostRun run = await _host.RunAsync(
            "--snp --strict",
            $"sev-snp,kernel-hashes=on,id-block={block},id-auth={authentication},author-key=on,vcek-disabled=on,"
                + $"host-data={Convert.ToBase64String(hostData)}",
            Options(firmware, 1));

        Assert.Equal(ExitCodeOfGuest, run.ExitCode);
        Assert.Equal("True", run.OfVm("id_block"));
        JsonElement finish = run.Log.Single(static line => NameOf(line) == "SEV_SNP_LAUNCH_FINISH").GetProperty("args");
        Assert.Equal(Convert.ToHexStringLower(hostData), finish.GetProperty("host_data").GetString());
        Assert.Equal(1, finish.GetProperty("id_block_en").GetInt32());
        Assert.Equal(1, finish.GetProperty("auth_key_en").GetInt32());
        Assert.Equal(1, finish.GetProperty("vcek_disabled").GetInt32());
    }

    [Fact]
    public async Task Snp_IdBlockOfAnotherLaunch_IsRefusedAndBothDigestsAreTold()
    {
        string firmware = WriteFirmware();
        (string block, string authentication) = WriteIdBlock(new byte[48]);

        SevHostRun run = await _host.RunAsync(
            "--snp", $"sev-snp,kernel-hashes=on,id-block={block},id-auth={authentication}", Options(firmware, 1));

        Assert.Equal(ExitCode.BadInput, run.ExitCode);
        Assert.Contains("KVM_SEV_SNP_LAUNCH_FINISH failed: EIO (5), firmware BAD_MEASUREMENT", run.Error, StringComparison.Ordinal);
        string digest = Convert.ToHexStringLower(Foretell(LaunchMode.Snp, firmware, true, 1, VmsaProfile.QemuInit2));
        Assert.Contains($"asks for launch digest {new string('0', 96)}, this launch has {digest}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Snp_ASignalWhilePagesAreAdded_IsNoFailure()
    {
        SevHostRun run = await _host.RunAsync(
            "--snp --strict --fail 2:SEV_SNP_LAUNCH_UPDATE:EIO", "sev-snp,kernel-hashes=on", Options(WriteFirmware(), 1));

        Assert.Equal(ExitCodeOfGuest, run.ExitCode);
        Assert.Equal(1, run.Injected);
    }

    /// <summary>Each call of the launch refused in turn; EIO without a status on an update is what a signal gives, see above.</summary>
    [Theory]
    [InlineData("EINVAL")]
    [InlineData("EIO")]
    [InlineData("EBUSY")]
    [InlineData("ENOMEM")]
    [InlineData("ENOTTY")]
    public async Task Snp_EachCallRefused_IsNamedAndLeavesNothingBehind(string errno)
    {
        string firmware = WriteFirmware();
        SevFailure[] failures =
        [
            .. Refusable.Select(call => call.Split(' '))
                .Select(call => new SevFailure(call[0], int.Parse(call[1], CultureInfo.InvariantCulture), errno))
                .Where(static failure => failure is not { Call: "SEV_SNP_LAUNCH_UPDATE", Errno: "EIO" })
        ];
        List<string> wrong = [];
        foreach (SevFailure failure in failures)
        {
            SevHostRun run = await _host.RunAsync($"--snp --fail {failure}", "sev-snp,kernel-hashes=on", Options(firmware, 2));
            string words = failure is { Call: "KVM_CREATE_GUEST_MEMFD", Errno: "EINVAL" or "ENOTTY" }
                ? "kvmsev: --sev sev-snp: this kernel gives the guest no private memory (KVM_CREATE_GUEST_MEMFD failed: "
                : RefusalRule.LineFor(failure);
            bool isRight = run.ExitCode == RefusalRule.ExitCodeFor(failure) && run.Injected == 1 && run.Violations.Length == 0
                && run.Error.Contains(words, StringComparison.Ordinal) && run.Error.Contains("\n  hint: ", StringComparison.Ordinal);
            if (!isRight)
            {
                wrong.Add(
                    $"--fail {failure}: exit code {run.ExitCode}, {run.Injected} injected, "
                    + $"{string.Join(' ', run.Violations)}: {run.Error}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Theory]
    [InlineData("1:SEV_SNP_LAUNCH_START:EIO:0x07", "POLICY_FAILURE (0x07)", ExitCode.BadInput)]
    [InlineData("2:SEV_SNP_LAUNCH_UPDATE:EIO:0x02", "INVALID_GUEST_STATE (0x02)", ExitCode.IoError)]
    [InlineData("4:SEV_SNP_LAUNCH_UPDATE:EIO:0x16", "INVALID_PARAM (0x16)", ExitCode.IoError)]
    [InlineData("1:SEV_SNP_LAUNCH_FINISH:EIO:0x17", "RESOURCE_LIMIT (0x17)", ExitCode.HostLacks)]
    public async Task Snp_RefusedByTheFirmware_IsNamed(string failure, string words, int exitCode)
    {
        SevHostRun run = await _host.RunAsync($"--snp --fail {failure}", "sev-snp,kernel-hashes=on", Options(WriteFirmware(), 1));

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Equal(1, run.Injected);
        Assert.Contains($"failed: EIO (5), firmware {words}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Snp_OnAHostWithoutIt_SaysWhatIsMissing()
    {
        SevHostRun run = await _host.RunAsync("--sev-es", "sev-snp,kernel-hashes=on", Options(WriteFirmware(), 1));

        Assert.Equal(ExitCode.HostLacks, run.ExitCode);
        Assert.Contains("this KVM offers SEV, but not this kind", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "on")]
    [InlineData(2, "off")]
    [InlineData(4, "off")]
    public async Task SevEs_OnTheHost_IsMeasuredAsForetoldAndRuns(int vcpus, string legacy)
    {
        string firmware = WriteFirmware();
        SevHostRun run = await _host.RunAsync(
            "--sev-es --cbit 46 --strict", $"sev-es,kernel-hashes=on,legacy-vm-type={legacy}", Options(firmware, vcpus));

        Assert.Equal(ExitCodeOfGuest, run.ExitCode);
        Assert.Empty(run.Violations);
        CheckDigest(
            run, LaunchMode.SevEs, firmware, true, vcpus, legacy == "on" ? VmsaProfile.QemuLegacyInit : VmsaProfile.QemuInit2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sev_OnTheHost_IsMeasuredAsForetoldAndRuns(bool withHashes)
    {
        string firmware = WriteFirmware();
        SevHostRun run = await _host.RunAsync(
            "--sev --c-bit-alias --strict", $"sev,kernel-hashes={OnOff(withHashes)}", Options(firmware, 1));

        Assert.Equal(ExitCodeOfGuest, run.ExitCode);
        Assert.Empty(run.Violations);
        CheckDigest(run, LaunchMode.Sev, firmware, withHashes, 1, VmsaProfile.QemuInit2);
    }

    [Theory]
    [InlineData("--sev", "sev", LaunchMode.Sev, 1)]
    [InlineData("--sev-es --cbit 46", "sev-es", LaunchMode.SevEs, 4)]
    [InlineData("--snp", "sev-snp", LaunchMode.Snp, 2)]
    public async Task DebiansOvmf_OnTheHost_IsMeasuredAsForetold(string host, string sev, LaunchMode mode, int vcpus)
    {
        string firmware = Installed("/usr/share/ovmf/OVMF.fd");

        SevHostRun run = await _host.RunAsync($"{host} --strict", sev, [.. Options(firmware, vcpus), "--launch-only"]);

        Assert.Equal(ExitCode.Success, run.ExitCode);
        Assert.Empty(run.Violations);
        CheckDigest(run, mode, firmware, false, vcpus, VmsaProfile.QemuInit2);
    }

    [Theory]
    [InlineData("/usr/share/ovmf/OVMF.fd")]
    [InlineData("/usr/share/OVMF/OVMF_CODE_4M.fd")]
    public async Task DebiansOvmf_WithHashesThatItWouldIgnore_IsRefusedBeforeTheHostIsTouched(string image)
    {
        string firmware = Installed(image);

        SevHostRun run = await _host.RunAsync("--sev-es", "sev-es,kernel-hashes=on", Options(firmware, 1));

        Assert.Equal(ExitCode.BadInput, run.ExitCode);
        Assert.Contains($"kvmsev: {firmware}: SEV hash area: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("KVM_CREATE_VM", run.Log.Select(NameOf));
    }

    [KvmTheory]
    [InlineData("sev", LaunchMode.Sev, 1, true)]
    [InlineData("sev-es", LaunchMode.SevEs, 3, true)]
    [InlineData("sev-snp", LaunchMode.Snp, 1, false)]
    [InlineData("sev-snp", LaunchMode.Snp, 3, true)]
    public void OnTheModel_IsMeasuredAsForetold(string kind, LaunchMode mode, int vcpus, bool withHashes)
    {
        string firmware = WriteFirmware();
        string result = _folder.File("result.json");

        CliResult run = Run(
            [
                "run", "--memory", "64M", "--serial", "off", "--sev", $"simulated,kind={kind},kernel-hashes={OnOff(withHashes)}",
                "--launch-only", "--kernel", WriteKernel(), "--result", result, .. Options(firmware, vcpus),
            ]);

        Assert.Equal((ExitCode.Success, string.Empty), (run.ExitCode, run.ExitCode == 0 ? string.Empty : run.Error));
        string digest = Convert.ToHexStringLower(Foretell(mode, firmware, withHashes, vcpus, VmsaProfile.QemuInit2, WriteKernel()));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(result));
        Assert.Equal(digest, document.RootElement.GetProperty("launchDigest").GetString());
        Assert.Contains("simulated", run.Error, StringComparison.Ordinal);
    }

    [KvmFact]
    public void PlainGuest_StartsAtTheResetVector()
    {
        CliResult run = Run(
            ["run", "--firmware", WriteFirmware(), "--memory", "64M", "--serial", "off", "--debug-exit", "0xf4", "--timeout", "20s"]);

        Assert.Equal(ExitCodeOfGuest, run.ExitCode);
    }

    [Theory]
    [InlineData("sev-snp", "--sev: sev-snp: a SEV-SNP guest starts with firmware; give one with --firmware")]
    [InlineData("simulated,kind=sev-snp", "--sev: simulated: a SEV-SNP guest starts with firmware; give one with --firmware")]
    public void Snp_WithoutFirmware_IsRefused(string sev, string words)
    {
        CliResult run = Run(["run", "--kernel", WriteKernel(), "--sev", sev]);

        Assert.Equal(ExitCode.BadInput, run.ExitCode);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Snp_Simulated_CannotRun()
    {
        CliResult run = Run(["run", "--firmware", WriteFirmware(), "--sev", "simulated,kind=sev-snp"]);

        Assert.Equal(ExitCode.HostLacks, run.ExitCode);
        Assert.Contains("add --launch-only", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--kernel is missing")]
    [InlineData("--initramfs and --cmdline have no meaning without --kernel", "--firmware", "f", "--cmdline", "x")]
    [InlineData("kernel-hashes=on needs both", "--firmware", "f", "--sev", "sev,kernel-hashes=on")]
    [InlineData("kernel-hashes=on needs both", "--kernel", "k", "--sev", "sev,kernel-hashes=on")]
    [InlineData("id-block has no meaning for any other than a SEV-SNP guest", "--kernel", "k", "--sev", "sev-es,id-block=b")]
    [InlineData("session-file has no meaning for a SEV-SNP guest", "--firmware", "f", "--sev", "sev-snp,session-file=s")]
    [InlineData("--sev author-key: unknown value", "--firmware", "f", "--sev", "sev-snp,author-key=1")]
    [InlineData("--sev policy:", "--firmware", "f", "--sev", "sev-snp,policy=es")]
    public void OptionsThatDoNotGoTogether_AreRefused(string words, params string[] options)
    {
        CliResult run = Run(["run", .. options]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
    }

    private static CliResult Run(params string[] arguments) => new CliRunner { Machine = new MachineRunner() }.RunWith(arguments);

    /// <summary>An image of Debian's package ovmf; where it is not installed, the test is skipped, visibly.</summary>
    private static string Installed(string path)
    {
        Assert.SkipUnless(File.Exists(path), $"no {path}: Debian's package ovmf is not installed");
        return path;
    }

    private static string OnOff(bool value) => value ? "on" : "off";

    private static string[] Options(string firmware, int vcpus) => ["--firmware", firmware, "--cmdline", CommandLine, "--cpus", $"{vcpus}"];

    /// <summary>The calls whose order is the launch's; null for the others.</summary>
    private static string? NameOf(JsonElement line)
    {
        string? call = line.TryGetProperty("call", out JsonElement name) ? name.GetString() : null;
        return call switch
        {
            "KVM_ENABLE_CAP" =>
                line.GetProperty("args").GetProperty("cap").ToString() is "201" or "EXIT_HYPERCALL" or "KVM_CAP_EXIT_HYPERCALL"
                ? "KVM_ENABLE_CAP EXIT_HYPERCALL"
                : null,
            "KVM_CREATE_VM" or "SEV_INIT2" or "KVM_CREATE_GUEST_MEMFD" or "KVM_SET_USER_MEMORY_REGION2" or "KVM_CREATE_VCPU"
                or "KVM_SET_MEMORY_ATTRIBUTES" or "SEV_SNP_LAUNCH_START" or "SEV_SNP_LAUNCH_UPDATE" or "SEV_SNP_LAUNCH_FINISH" => call,
            _ => null,
        };
    }

    private static byte[] Foretell(
        LaunchMode mode, string firmware, bool withHashes, int vcpus, VmsaProfile profile, string kernel)
    {
        using KvmDevice kvm = KvmDevice.Open("/dev/kvm");
        using FileStream content = File.OpenRead(kernel);
        return LaunchDigests.Compute(new LaunchInputs
        {
            Mode = mode,
            Firmware = OvmfFirmware.Read(firmware),
            Kernel = withHashes ? KernelHashes.Compute(content, null, CommandLine) : null,
            VcpuCount = vcpus,
            CpuSignature = CpuidPolicy.GetSignature(kvm.GetSupportedCpuid()),
            Profile = profile,
        });
    }

    private byte[] Foretell(LaunchMode mode, string firmware, bool withHashes, int vcpus, VmsaProfile profile) =>
        Foretell(mode, firmware, withHashes, vcpus, profile, SevHostFixture.WriteKernel(_folder.File("host-kernel")));

    private void CheckDigest(SevHostRun run, LaunchMode mode, string firmware, bool withHashes, int vcpus, VmsaProfile profile)
    {
        string foretold = Convert.ToHexStringLower(Foretell(mode, firmware, withHashes, vcpus, profile));
        Assert.Equal(foretold, run.OfVm("launch_digest"));
        Assert.Equal(foretold, run.Result.GetProperty("launchDigest").GetString());
    }

    private string WriteFirmware()
    {
        byte[] image = OvmfBuilder.Complete().ToBytes();
        ResetCode.CopyTo(image.AsSpan(image.Length - 16));
        string path = _folder.File("OVMF.fd");
        File.WriteAllBytes(path, image);
        return path;
    }

    private string WriteKernel()
    {
        string path = _folder.File("kernel");
        File.WriteAllText(path, new string((char)0x6B, 2048)); // long enough for a kernel; nobody boots it
        return path;
    }

    private (string Block, string Authentication) WriteIdBlock(byte[] digest)
    {
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa authorKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(digest, SnpPolicy.Default);
        File.WriteAllBytes(_folder.File("id-block"), block.Bytes.ToArray());
        File.WriteAllText(_folder.File("id-auth"), IdAuthentication.Create(block, idKey, authorKey).ToString());
        return (_folder.File("id-block"), _folder.File("id-auth"));
    }
}
