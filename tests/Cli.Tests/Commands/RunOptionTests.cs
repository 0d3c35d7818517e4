using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>What the options of <c>run</c> make of a machine.</summary>
public sealed class RunOptionTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Defaults_AreThoseOfVmConfig()
    {
        (VmConfig config, SerialTarget serial) = Configure();

        Assert.Equal(new VmConfig { Boot = new BootConfig(_directory.Kernel, null, string.Empty) }, config);
        Assert.Equal(new SerialTarget(SerialKind.Tty, null), serial);
    }

    [Fact]
    public void Initramfs_BothSpellings_AreTheSame()
    {
        string initrd = _directory.File("initrd");
        File.WriteAllText(initrd, "x");

        Assert.Equal(initrd, Configure("--initramfs", initrd).Config.Boot.InitramfsPath);
        Assert.Equal(initrd, Configure("--initrd", initrd).Config.Boot.InitramfsPath);
        Fails(64, "--initramfs and --initrd are the same option; give one of them", null, "--initramfs", initrd, "--initrd", initrd);
    }

    [Theory]
    [InlineData("console=ttyS0 panic=-1")]
    [InlineData("")]
    [InlineData(" leading")]
    [InlineData("-- -x --y")]
    [InlineData("--cmdline-like=1")]
    [InlineData("a\tb\nc 'quoted \"deep\"' é")]
    public void Cmdline_AnyText_IsTakenVerbatim(string text)
    {
        Assert.Equal(text, Configure("--cmdline", text).Config.Boot.CommandLine);
        Assert.Equal(text, Configure("--append", text).Config.Boot.CommandLine);
        Assert.Equal(text, Configure($"--cmdline={text}").Config.Boot.CommandLine);
    }

    [Fact]
    public void Cmdline_Bad_IsRefused()
    {
        Fails(64, "--cmdline and --append are the same option; give one of them", null, "--cmdline", "a", "--append", "b");
        Fails(64, "--cmdline: holds a NUL character", null, "--cmdline", "a\0b");
    }

    [Theory]
    [InlineData("512M", 512UL << 20)]
    [InlineData("4G", 4UL << 30)]
    [InlineData("1GiB", 1UL << 30)]
    [InlineData("size=4G", 4UL << 30)]
    [InlineData("4096", 4096UL)]
    public void Memory_Size_IsBytes(string text, ulong bytes) => Assert.Equal(bytes, Configure("--memory", text).Config.MemoryBytes);

    [Theory]
    [InlineData("0", "--memory: the size must not be zero", "write for instance 512M, 4G, 1GiB, or plain bytes")]
    [InlineData("-1G", "--memory: '-1G' is negative", "write for instance 512M, 4G, 1GiB, or plain bytes")]
    [InlineData("4097", "--memory: '4097' is not a multiple of 4 KiB", null)]
    [InlineData("99999999T", "--memory: '99999999T' is too large", "sizes end below 2^64 bytes")]
    [InlineData("4Q", "--memory: unknown suffix 'Q' in '4Q'", "the suffixes are K, M, G and T, or KiB, MiB, GiB and TiB (powers of 1024)")]
    [InlineData("sise=4G", "--memory: unknown key 'sise'", "did you mean 'size'?")]
    [InlineData("size=4G,hugepages=on", "--memory: unknown key 'hugepages'", "the keys are: size")]
    [InlineData("size=", "--memory: size needs a value", "write size=…")]
    public void Memory_Bad_IsRefused(string text, string message, string? hint) => Fails(64, message, hint, "--memory", text);

    [Fact]
    public void Cpus_Number_IsTaken() => Assert.Equal(7, Configure("--cpus", "7").Config.VcpuCount);

    [Theory]
    [InlineData("0", "--cpus: '0' is out of range; it must be 1 to 255", null)]
    [InlineData("256", "--cpus: '256' is out of range; it must be 1 to 255", null)]
    [InlineData("-1", "--cpus: '-1' is not a number", "write it in decimal, or in hexadecimal with 0x")]
    [InlineData("two", "--cpus: 'two' is not a number", "write it in decimal, or in hexadecimal with 0x")]
    public void Cpus_Bad_IsRefused(string text, string message, string? hint) => Fails(64, message, hint, "--cpus", text);

    [Theory]
    [InlineData("none", SevMode.None, null)]
    [InlineData("simulated", SevMode.Simulated, null)]
    [InlineData("simulated,cbitpos=39", SevMode.Simulated, 39)]
    [InlineData("simulated,cbitpos=0x20", SevMode.Simulated, 32)]
    [InlineData("mode=sev,cbitpos=51", SevMode.Sev, 51)]
    [InlineData("sev-es", SevMode.SevEs, null)]
    [InlineData("sev-snp", SevMode.SevSnp, null)]
    public void Sev_Mode_IsTaken(string text, SevMode mode, int? bit) =>
        Assert.Equal(new SevConfig { Mode = mode, CBitPosition = bit }, Configure("--sev", text).Config.Sev);

    [Fact]
    public void Sev_HardwareKeys_AreTaken() => Assert.Equal(
        new SevConfig
        {
            Mode = SevMode.SevEs,
            Policy = new SevPolicy(5),
            OwnerCertificatePath = "g",
            SessionPath = "s",
            InitInterface = SevInitInterface.Legacy,
            DevicePath = "/dev/x",
        },
        Configure("--sev", "sev-es,policy=nodbg+es,dh-cert-file=g,session-file=s,legacy-vm-type=on,sev-device=/dev/x").Config.Sev);

    [Fact]
    public void Sev_SimulatedLaunchKeys_AreTaken()
    {
        SevConfig config = Configure(
            "--sev", "simulated,kind=sev-es,model=d,policy=5,dh-cert-file=g,session-file=s,legacy-vm-type=on", "--launch-only").Config.Sev;

        Assert.Equal(
            new SevConfig
            {
                Mode = SevMode.Simulated,
                SimulatedKind = SevGuestKind.SevEs,
                ModelDirectory = "d",
                Policy = new SevPolicy(5),
                OwnerCertificatePath = "g",
                SessionPath = "s",
                InitInterface = SevInitInterface.Legacy,
            },
            config);
        Assert.Equal(SevGuestKind.SevEs, config.Kind);
    }

    [Fact]
    public void LaunchOptions_AreTaken()
    {
        VmConfig config = Configure(
            "--sev", "simulated", "--launch-only", "--api-socket", "s", "--wait-for-owner", "--secret-page", "--initramfs",
            _directory.Kernel).Config;

        Assert.True(config.IsLaunchOnly && config.WaitsForOwner && config.Boot.HasSecretPage);
        Assert.Equal("s", config.ApiSocketPath);
    }

    [Theory]
    [InlineData("--launch-only")]
    [InlineData("--wait-for-owner")]
    [InlineData("--secret-page")]
    public void LaunchOptions_WithoutSev_AreRefused(string option) =>
        Fails(64, $"{option}: a guest without SEV is not launched", "add for instance --sev simulated", option);

    [Fact]
    public void LaunchOptions_WithoutWhatTheyNeed_AreRefused()
    {
        Fails(64, "--wait-for-owner: the owner has no way in", "add --api-socket PATH", "--sev", "sev", "--wait-for-owner");
        Fails(
            64,
            "--secret-page: the page ends the initial RAM disk, and there is none",
            "add --initramfs FILE",
            "--sev",
            "sev",
            "--secret-page");
    }

    [Theory]
    [InlineData("simulate", "--sev: unknown value 'simulate'", "did you mean 'simulated'?")]
    [InlineData("snp", "--sev: unknown value 'snp'", "did you mean 'sev-snp'?")]
    [InlineData("tdx", "--sev: unknown value 'tdx'", "the values are: none, simulated, sev, sev-es, sev-snp")]
    [InlineData("", "--sev: mode needs a value", "write mode=…")]
    [InlineData("cbitpos=47", "--sev: the mode is missing", "write for instance --sev simulated,cbitpos=39")]
    [InlineData("simulated,cbitpos=31", "--sev cbitpos: '31' is out of range; it must be 32 to 51", null)]
    [InlineData("simulated,cbitpos=52", "--sev cbitpos: '52' is out of range; it must be 32 to 51", null)]
    [InlineData("simulated,cbitpos=x", "--sev cbitpos: 'x' is not a number", "write it in decimal, or in hexadecimal with 0x")]
    [InlineData("none,cbitpos=47", "--sev: cbitpos has no meaning with mode 'none'", null)]
    [InlineData("simulated,cbit=47", "--sev: unknown key 'cbit'", "did you mean 'cbitpos'?")]
    [InlineData("simulated,sev-device=/dev/sev", "--sev: sev-device has no meaning with mode 'simulated'", null)]
    [InlineData("simulated,kind=snp", "--sev kind: unknown value 'snp'", "did you mean 'sev-snp'?")]
    [InlineData("sev,kind=sev", "--sev: kind has no meaning with mode 'sev'", null)]
    [InlineData("sev-es,model=d", "--sev: model has no meaning with mode 'sev-es'", null)]
    [InlineData("none,policy=1", "--sev: policy has no meaning with mode 'none'", null)]
    [InlineData("none,session-file=s", "--sev: session-file has no meaning with mode 'none'", null)]
    [InlineData(
        "sev,policy=x",
        "--sev policy: \"x\" is none of: nodbg, noks, es, nosend, domain, sev, api-major=N, api-minor=N",
        "write a number, or names such as nodbg+es")]
    [InlineData("sev,legacy-vm-type=yes", "--sev legacy-vm-type: unknown value 'yes'", "the values are: auto, on, off")]
    public void Sev_Bad_IsRefused(string text, string message, string? hint) => Fails(64, message, hint, "--sev", text);

    [Theory]
    [InlineData("login:")]
    [InlineData("--- done")]
    [InlineData("-ready")]
    [InlineData("(?<=a)b")]
    public void Until_Pattern_IsTaken(string pattern) => Assert.Equal(pattern, Configure("--until", pattern).Config.Until);

    [Fact]
    public void Until_Bad_IsRefused()
    {
        Fails(64, "--until: the pattern is empty; it would match at once", null, "--until", string.Empty);
        CliResult result = CliRunner.Run("run", "--kernel", _directory.Kernel, "--until", "a(b");
        Assert.Equal(64, result.ExitCode);
        Assert.StartsWith("kvmsev: --until: regular expression: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Timeout_Time_IsTaken() => Assert.Equal(TimeSpan.FromMinutes(2), Configure("--timeout", "2m").Config.Timeout);

    [Theory]
    [InlineData("0", "--timeout: the time must be at least 1ms")]
    [InlineData("-5", "--timeout: '-5' is negative")]
    [InlineData("2 weeks", "--timeout: unknown unit ' weeks' in '2 weeks'")]
    [InlineData("10000h", "--timeout: '10000h' is too long; the limit is 24 days")]
    public void Timeout_Bad_IsRefused(string text, string message) =>
        Fails(64, message, "write for instance 120s, 2m, 1h or 500ms; a plain number is seconds", "--timeout", text);

    [Theory]
    [InlineData("none", 0UL)]
    [InlineData("0", 0UL)]
    [InlineData("0x1000", 0x1000UL)]
    [InlineData("4096", 0x1000UL)]
    [InlineData("0x100000001001", 0x100000001001UL)]
    public void ExitHypercalls_Mask_IsTaken(string text, ulong mask) =>
        Assert.Equal(mask, Configure("--exit-hypercalls", text).Config.ExitHypercalls);

    [Fact]
    public void ExitHypercalls_Bad_IsRefused() =>
        Fails(64, "--exit-hypercalls: 'all' is not a number", "write it in decimal, or in hexadecimal with 0x", "--exit-hypercalls", "all");

    [Fact]
    public void HypercallAbi_Word_IsTaken()
    {
        Assert.Equal(HypercallAbi.PageEncStatus, Configure("--hypercall-abi", "page-enc-status").Config.HypercallAbi);
        Assert.Equal(HypercallAbi.MapGpaRange, Configure("--hypercall-abi", "map-gpa-range").Config.HypercallAbi);
        Fails(64, "--hypercall-abi: unknown value 'map-gpa'", "did you mean 'map-gpa-range'?", "--hypercall-abi", "map-gpa");
    }

    [Fact]
    public void UnknownMsrs_Word_IsTaken()
    {
        Assert.Equal(UnknownMsrPolicy.GeneralProtection, Configure("--unknown-msrs", "gp").Config.UnknownMsrs);
        Assert.Equal(UnknownMsrPolicy.Ignore, Configure("--unknown-msrs", "ignore").Config.UnknownMsrs);
        Fails(64, "--unknown-msrs: unknown value 'panic'", "the values are: gp, ignore", "--unknown-msrs", "panic");
    }

    [Fact]
    public void HideKvmFeature_Names_AreBits()
    {
        Assert.Equal((1U << 17) | (1U << 3), Configure("--hide-kvm-feature", "migration-control,clocksource2").Config.HiddenKvmFeatures);
        Fails(
            64,
            "--hide-kvm-feature: unknown value 'migraton-control'",
            "did you mean 'migration-control'?",
            "--hide-kvm-feature",
            "migraton-control");
        Assert.Equal(64, CliRunner.Run("run", "--kernel", _directory.Kernel, "--hide-kvm-feature", "pv-eoi,").ExitCode);
    }

    [Fact]
    public void NoEnforcePvFeatures_TurnsEnforcementOff() => Assert.False(Configure("--no-enforce-pv-features").Config.EnforcePvFeatures);

    [Theory]
    [InlineData("0xf4", 0xf4)]
    [InlineData("244", 0xf4)]
    [InlineData("0", 0)]
    [InlineData("0xffff", 0xffff)]
    public void DebugExit_Port_IsTaken(string text, int port) =>
        Assert.Equal((ushort)port, Configure("--debug-exit", text).Config.DebugExitPort);

    [Fact]
    public void DebugExit_Bad_IsRefused()
    {
        Fails(64, "--debug-exit: '0x10000' is out of range; it must be 0x0 to 0xffff", null, "--debug-exit", "0x10000");
        Fails(64, "--debug-exit: 'f4' is not a number", "write it in decimal, or in hexadecimal with 0x", "--debug-exit", "f4");
    }

    [Fact]
    public void Serial_Target_IsTaken()
    {
        string path = _directory.File("a,b=c");

        Assert.Equal(new SerialTarget(SerialKind.Tty, null), Configure("--serial", "tty").Serial);
        Assert.Equal(new SerialTarget(SerialKind.Off, null), Configure("--serial", "off").Serial);
        Assert.Equal(new SerialTarget(SerialKind.File, path), Configure("--serial", $"file={path}").Serial);
    }

    [Theory]
    [InlineData("ttty", "--serial: unknown value 'ttty'", "did you mean 'tty'?")]
    [InlineData("socket=/x", "--serial: unknown value 'socket=/x'", "the values are: tty, off, file")]
    [InlineData("file", "--serial: file needs a path", "write --serial file=PATH")]
    [InlineData("file=", "--serial: file needs a path", "write --serial file=PATH")]
    public void Serial_Bad_IsRefused(string text, string message, string hint) => Fails(64, message, hint, "--serial", text);

    [Fact]
    public void Console_Target_IsTaken_AndMakesADevice()
    {
        string path = _directory.File("a,b=c");

        Assert.False(Configure("--console", "off").Config.HasConsole);
        (VmConfig config, SerialTarget serial) = Configure("--console", $"file={path}");
        Assert.True(config.HasConsole);
        Assert.Equal(new SerialTarget(SerialKind.Tty, null), serial);
    }

    [Fact]
    public void Console_OnTheTerminal_TakesItFromTheSerialPort()
    {
        string path = _directory.File("s");

        Assert.Equal(new SerialTarget(SerialKind.Off, null), Configure("--console", "tty").Serial);
        Assert.Equal(new SerialTarget(SerialKind.File, path), Configure("--console", "tty", "--serial", $"file={path}").Serial);
        Fails(
            64,
            "--serial and --console cannot both be tty: there is one terminal",
            "write for instance --serial file=PATH --console tty",
            "--serial", "tty", "--console", "tty");
    }

    [Theory]
    [InlineData("ttty", "--console: unknown value 'ttty'", "did you mean 'tty'?")]
    [InlineData("pty", "--console: unknown value 'pty'", "did you mean 'tty'?")]
    [InlineData("file=", "--console: file needs a path", "write --console file=PATH")]
    public void Console_Bad_IsRefused(string text, string message, string hint) => Fails(64, message, hint, "--console", text);

    [Fact]
    public void Kvm_Path_IsTaken() => Assert.Equal("/dev/other", Configure("--kvm", "/dev/other").Config.KvmPath);

    [Theory]
    [InlineData("--initramfs")]
    [InlineData("--initrd")]
    [InlineData("--kvm")]
    [InlineData("--map-out")]
    [InlineData("--event-log")]
    [InlineData("--result")]
    [InlineData("--log-file")]
    public void Path_Empty_IsRefused(string option) =>
        Fails(64, $"{(option == "--initrd" ? "--initramfs" : option)}: the file name is empty", null, option, string.Empty);

    [Fact]
    public void Kernel_Empty_IsRefused() => CliRunner.Run("run", "--kernel=").AssertFailure(64, "--kernel: the file name is empty");

    [Theory]
    [InlineData("--map-out", "--event-log")]
    [InlineData("--event-log", "--result")]
    [InlineData("--result", "--log-file")]
    [InlineData("--map-out", "--log-file")]
    [InlineData("--result", "--debug-console")]
    [InlineData("--map-out", "--launch-bundle")]
    public void Outputs_InOneFile_AreRefused(string first, string second)
    {
        string same = _directory.File("same");
        string spelt = Path.Combine(_directory.Root, ".", "same");

        Fails(64, $"{second} and {first} name the same file '{spelt}'", null, first, same, second, spelt);
        Assert.Empty(_directory.Names);
    }

    [Theory]
    [InlineData("--map-out")]
    [InlineData("--event-log")]
    [InlineData("--result")]
    [InlineData("--launch-bundle")]
    [InlineData("--api-socket")]
    [InlineData("--debug-console")]
    [InlineData("--log-file")]
    public void Output_InAFileOfItsOwn_IsTaken(string option)
    {
        Configure("--sev", "simulated", option, _directory.File("own"));
        Assert.DoesNotContain(_directory.Names, static name => name.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void Output_ThatIsAnInput_IsRefused()
    {
        Fails(64, $"--map-out and --kernel name the same file '{_directory.Kernel}'", null, "--map-out", _directory.Kernel);
        Fails(64, $"--serial and --kernel name the same file '{_directory.Kernel}'", null, "--serial", $"file={_directory.Kernel}");
        Fails(64, $"--console and --kernel name the same file '{_directory.Kernel}'", null, "--console", $"file={_directory.Kernel}");
        Assert.Equal(4096, new FileInfo(_directory.Kernel).Length);
    }

    private (VmConfig Config, SerialTarget Serial) Configure(params string[] options)
    {
        FakeMachine machine = new(StopReason.PowerOff);

        CliResult result = new CliRunner { Machine = machine }.RunWith(["run", "--kernel", _directory.Kernel, .. options]);

        Assert.True(result.ExitCode == 0, result.Error);
        return (machine.Config!, machine.Outputs!.Serial);
    }

    private void Fails(int exitCode, string message, string? hint, params string[] options) =>
        CliRunner.Run(["run", "--kernel", _directory.Kernel, .. options]).AssertFailure(exitCode, message, hint);
}
