using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>run</c>, as text; <see cref="ToConfig"/> gives them their meaning.</summary>
[Verb("run", HelpText = "Boot a guest and run it to its end.")]
internal sealed class RunOptions : BootOptions
{
    private const ulong MaximumVcpus = 255;
    private const string DefaultCpus = "1";
    private static readonly TimeSpan DefaultMetricsInterval = TimeSpan.FromSeconds(5);

    /// <summary>Firmware to start with.</summary>
    [Option("firmware", MetaValue = "FILE",
        HelpText = "Start with this firmware (OVMF as one image), which is handed kernel, initramfs and command line. SEV-SNP needs it.")]
    public string? Firmware { get; set; }

    /// <summary>Guest RAM.</summary>
    [Option("memory", MetaValue = "SIZE", Default = "512M", HelpText = "Guest RAM: 512M, 4G, 1GiB, size=4G or bytes.")]
    public string Memory { get; set; } = string.Empty;

    /// <summary>Number of vCPUs.</summary>
    [Option("cpus", MetaValue = "N", Default = DefaultCpus, HelpText = "Number of vCPUs. Also: --smp.")]
    public string Cpus { get; set; } = string.Empty;

    /// <summary>The same in QEMU's spelling.</summary>
    [Option("smp", Hidden = true)]
    public string? Smp { get; set; }

    /// <summary>Memory encryption.</summary>
    [Choices("none", "simulated", "sev", "sev-es", "sev-snp")]
    [Option("sev", MetaValue = "MODE", Default = "none",
        HelpText = "none, simulated, sev, sev-es or sev-snp; then ,cbitpos=N ,policy=P ,dh-cert-file=F ,session-file=F "
            + ",legacy-vm-type=on|off|auto, for hardware ,sev-device=PATH, for simulated ,kind=sev|sev-es|sev-snp ,model=DIR.")]
    public string Sev { get; set; } = string.Empty;

    /// <summary>File for the encryption-status map.</summary>
    [Option("map-out", MetaValue = "FILE", HelpText = "Write the map of private and shared pages at the end (JSON).")]
    public string? MapOut { get; set; }

    /// <summary>File for the event log.</summary>
    [Option("event-log", MetaValue = "FILE", HelpText = "Write every hypercall, MSR write and conversion (JSON lines).")]
    public string? EventLog { get; set; }

    /// <summary>File for the result.</summary>
    [Option("result", MetaValue = "FILE", HelpText = "Write how it ended and what was counted (JSON).")]
    public string? Result { get; set; }

    /// <summary>File for the metrics.</summary>
    [Option("metrics-file", MetaValue = "FILE",
        HelpText = "Keep what is counted in FILE while the guest runs, as a text for Prometheus' node_exporter.")]
    public string? MetricsFile { get; set; }

    /// <summary>How often the metrics are written.</summary>
    [Option("metrics-interval", MetaValue = "TIME", HelpText = "Write --metrics-file each TIME: 5s (the default), 1m, 500ms.")]
    public string? MetricsInterval { get; set; }

    /// <summary>Pattern that ends the run.</summary>
    [Option("until", MetaValue = "REGEX", HelpText = "Stop with exit code 0 when a console line matches.")]
    public string? Until { get; set; }

    /// <summary>Time that ends the run.</summary>
    [Option("timeout", MetaValue = "TIME",
        HelpText = "Stop with exit code 36 after TIME: 120s, 2m, 500ms; from the first instruction of the guest.")]
    public string? Timeout { get; set; }

    /// <summary>The mask of KVM_CAP_EXIT_HYPERCALL.</summary>
    [Option("exit-hypercalls", MetaValue = "MASK",
        HelpText = "Hypercalls that KVM hands to the monitor: a mask such as 0x1000, or none. Default: what --sev needs.")]
    public string? ExitHypercalls { get; set; }

    /// <summary>The hypercall's ABI.</summary>
    [Choices("map-gpa-range", "page-enc-status")]
    [Option("hypercall-abi", MetaValue = "ABI", Default = "map-gpa-range",
        HelpText = "map-gpa-range (Linux 5.14) or page-enc-status (the first proposal).")]
    public string HypercallAbi { get; set; } = string.Empty;

    /// <summary>What unknown MSRs do.</summary>
    [Choices("gp", "ignore")]
    [Option("unknown-msrs", MetaValue = "POLICY", Default = "gp",
        HelpText = "gp: an unknown MSR gives the guest #GP; ignore: reads give 0, writes are dropped.")]
    public string UnknownMsrs { get; set; } = string.Empty;

    /// <summary>KVM features to hide.</summary>
    [Option("hide-kvm-feature", MetaValue = "NAMES",
        HelpText = "Hide KVM features from the guest: names separated by commas, such as migration-control.")]
    public string? HideKvmFeature { get; set; }

    /// <summary>Whether KVM is to answer features that it does not offer.</summary>
    [Option("no-enforce-pv-features", HelpText = "Let the guest use KVM features that its CPUID does not offer.")]
    public bool NoEnforcePvFeatures { get; set; }

    /// <summary>The debug-exit port.</summary>
    [Option("debug-exit", MetaValue = "PORT",
        HelpText = "I/O port that ends the run: a byte V written there is exit code (V << 1 | 1) & 0xff.")]
    public string? DebugExit { get; set; }

    /// <summary>File for what firmware writes to its debug port.</summary>
    [Option("debug-console", MetaValue = "FILE", HelpText = "Write what the guest's firmware writes to its debug port 0x402.")]
    public string? DebugConsole { get; set; }

    /// <summary>Where the serial port goes.</summary>
    [Choices("tty", "off", "file=")]
    [Option("serial", MetaValue = "TARGET", HelpText = "First serial port: tty (the default; Ctrl-A X ends), off or file=PATH.")]
    public string? Serial { get; set; }

    /// <summary>The KVM device.</summary>
    [Option("kvm", MetaValue = "PATH", Default = "/dev/kvm", HelpText = "The KVM device.")]
    public string Kvm { get; set; } = string.Empty;

    /// <summary>Whether to end before the guest's first instruction.</summary>
    [Option("launch-only", HelpText = "Launch and measure the guest, but do not run it (with --sev).")]
    public bool LaunchOnly { get; set; }

    /// <summary>File for the launch bundle.</summary>
    [Option("launch-bundle", MetaValue = "FILE",
        HelpText = "Write everything that verifies the launch, as soon as it is measured (JSON).")]
    public string? LaunchBundle { get; set; }

    /// <summary>The control socket.</summary>
    [Option("api-socket", MetaValue = "PATH", HelpText = "Control socket that speaks QMP, for its user alone.")]
    public string? ApiSocket { get; set; }

    /// <summary>Whether the launch waits for the owner.</summary>
    [Option("wait-for-owner",
        HelpText = "Wait when the launch is measured; 'kvmsev secret inject' or QMP cont goes on (needs --api-socket).")]
    public bool WaitForOwner { get; set; }

    /// <summary>Whether to stop after the checks.</summary>
    [Option("dry-run", HelpText = "Check everything that can be checked without KVM, print the plan as JSON, run nothing.")]
    public bool DryRun { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        RefuseBoth("--cpus", Cpus == DefaultCpus ? null : Cpus, "--smp", Smp);
        RefuseTwoTerminals();
        RefuseSameFile();
        RefuseHalfABoot();
        RefuseWithoutLaunch();
        if (MetricsFile is null && MetricsInterval is not null)
        {
            throw new UsageException("--metrics-interval has no meaning without --metrics-file");
        }

        _ = ParseMetricsInterval();
    }

    /// <summary>How often the metrics are written.</summary>
    /// <exception cref="UsageException">The value cannot be read.</exception>
    internal TimeSpan ParseMetricsInterval() =>
        MetricsInterval is string time ? DurationValue.Parse("--metrics-interval", time) : DefaultMetricsInterval;

    /// <summary>Gives every option its meaning; touches no file.</summary>
    /// <exception cref="UsageException">A value cannot be read; the message names the option.</exception>
    internal VmConfig ToConfig()
    {
        string commandLine = CommandLine ?? string.Empty;
        if (commandLine.Contains('\0', StringComparison.Ordinal))
        {
            throw new UsageException("--cmdline: holds a NUL character");
        }

        return WithDevices(new VmConfig
        {
            Boot = new BootConfig(
                RequirePath("--kernel", Kernel),
                RequirePath("--initramfs", Initramfs),
                commandLine,
                RequirePath("--firmware", Firmware))
            {
                HasSecretPage = SecretPage,
            },
            MemoryBytes = MemoryValue.Parse(Memory),
            VcpuCount = (int)(Smp is null
                ? NumberValue.Parse("--cpus", Cpus, 1, MaximumVcpus)
                : NumberValue.Parse("--smp", Smp, 1, MaximumVcpus)),
            Sev = SevValue.Parse(Sev),
            ExitHypercalls = ExitHypercalls switch
            {
                null => null,
                "none" => 0,
                string mask => NumberValue.Parse("--exit-hypercalls", mask),
            },
            HypercallAbi = ChoiceValue.Parse(
                "--hypercall-abi",
                HypercallAbi,
                ("map-gpa-range", Vmm.Sharing.HypercallAbi.MapGpaRange),
                ("page-enc-status", Vmm.Sharing.HypercallAbi.PageEncStatus)),
            UnknownMsrs = ChoiceValue.Parse(
                "--unknown-msrs", UnknownMsrs, ("gp", UnknownMsrPolicy.GeneralProtection), ("ignore", UnknownMsrPolicy.Ignore)),
            HiddenKvmFeatures = HideKvmFeature is string names ? KvmFeatureValue.Parse("--hide-kvm-feature", names) : 0,
            EnforcePvFeatures = !NoEnforcePvFeatures,
            DebugExitPort = DebugExit is string port ? (ushort)NumberValue.Parse("--debug-exit", port, 0, ushort.MaxValue) : null,
            Until = ParseUntil(),
            Timeout = Timeout is string time ? DurationValue.Parse("--timeout", time) : null,
            IsLaunchOnly = LaunchOnly,
            WaitsForOwner = WaitForOwner,
            ApiSocketPath = RequirePath("--api-socket", ApiSocket),
            KvmPath = RequirePath("--kvm", Kvm)!,
        });
    }

    /// <summary>Where the serial port goes: there is one terminal, and the virtio console may have it.</summary>
    /// <exception cref="UsageException">The value cannot be read.</exception>
    internal SerialTarget SerialTarget =>
        Serial is string serial ? SerialTarget.Parse("--serial", serial)
        : new SerialTarget(ConsoleTarget.Kind == SerialKind.Tty ? SerialKind.Off : SerialKind.Tty, null);

    private static string? RequirePath(string option, string? path) =>
        path is { Length: 0 } ? throw new UsageException($"{option}: the file name is empty") : path;

    private void RefuseTwoTerminals()
    {
        if (Serial is not null && SerialTarget.Kind == SerialKind.Tty && ConsoleTarget.Kind == SerialKind.Tty)
        {
            throw new UsageException(
                "--serial and --console cannot both be tty: there is one terminal", "write for instance --serial file=PATH --console tty");
        }
    }

    private void RefuseHalfABoot()
    {
        if (Kernel is null && Firmware is null)
        {
            throw new UsageException("--kernel is missing", "give a kernel with --kernel, firmware with --firmware, or both");
        }

        if (Kernel is null && (Initramfs ?? CommandLine) is not null)
        {
            throw new UsageException("--initramfs and --cmdline have no meaning without --kernel");
        }

        SevConfig sev = SevValue.Parse(Sev);
        if (sev.HasKernelHashes && (Kernel is null || Firmware is null))
        {
            throw new UsageException(
                "--sev kernel-hashes=on needs both --firmware, which checks the hashes, and --kernel, of which they are");
        }
    }

    private string? ParseUntil()
    {
        if (Until is null)
        {
            return null;
        }

        if (Until.Length == 0)
        {
            throw new UsageException("--until: the pattern is empty; it would match at once");
        }

        try
        {
            _ = new ConsoleMatcher(Until, static () => { });
            return Until;
        }
        catch (InvalidInputException error)
        {
            throw new UsageException(error.Message);
        }
    }

    private void RefuseWithoutLaunch()
    {
        (string Option, bool IsGiven)[] options =
        [
            ("--launch-only", LaunchOnly),
            ("--launch-bundle", LaunchBundle is not null),
            ("--wait-for-owner", WaitForOwner),
            ("--secret-page", SecretPage),
        ];
        if (SevValue.Parse(Sev).Mode == SevMode.None && options.FirstOrDefault(static given => given.IsGiven).Option is string option)
        {
            throw new UsageException($"{option}: a guest without SEV is not launched", "add for instance --sev simulated");
        }

        if (WaitForOwner && ApiSocket is null)
        {
            throw new UsageException("--wait-for-owner: the owner has no way in", "add --api-socket PATH");
        }

        if (WaitForOwner && SevValue.Parse(Sev).Kind == SevGuestKind.SevSnp)
        {
            throw new UsageException(
                "--wait-for-owner: a SEV-SNP guest takes no launch secret", "its owner asks it for its report while it runs");
        }

        if (SecretPage && Firmware is not null)
        {
            throw new UsageException("--secret-page: the initial RAM disk is the firmware's to load", "firmware has a place of its own");
        }

        if (SecretPage && Initramfs is null)
        {
            throw new UsageException("--secret-page: the page ends the initial RAM disk, and there is none", "add --initramfs FILE");
        }
    }

    // The kernel named by mistake as an output would be gone; two outputs in one file would be one output.
    private void RefuseSameFile()
    {
        string? serialFile = SerialTarget.Path;
        SevConfig sev = SevValue.Parse(Sev);
        (string Option, string? Path)[] inputs =
        [
            ("--kernel", Kernel),
            ("--firmware", Firmware),
            ("--initramfs", Initramfs),
            ("--kvm", Kvm),
            ("--sev dh-cert-file", sev.OwnerCertificatePath),
            ("--sev session-file", sev.SessionPath),
            ("--sev id-block", sev.IdBlockPath),
            ("--sev id-auth", sev.IdAuthenticationPath),
            ("--sev host-data", sev.HostDataPath),
            .. Disk.Select(static disk => ("--disk", (string?)DiskValue.Parse(disk).Path)),
        ];
        (string Option, string? Path)[] outputs =
        [
            ("--map-out", MapOut),
            ("--event-log", EventLog),
            ("--result", Result),
            ("--metrics-file", MetricsFile),
            ("--launch-bundle", LaunchBundle),
            ("--api-socket", ApiSocket),
            ("--serial", serialFile),
            ("--console", ConsoleTarget.Path),
            ("--debug-console", DebugConsole),
            ("--log-file", LogFile),
        ];
        Dictionary<string, string> taken = new(StringComparer.Ordinal);
        foreach ((string option, string? path) in inputs)
        {
            if (IsFile(path))
            {
                taken.TryAdd(Path.GetFullPath(path!), option);
            }
        }

        foreach ((string option, string? path) in outputs)
        {
            if (path is { Length: 0 })
            {
                throw new UsageException($"{option}: the file name is empty");
            }

            if (IsFile(path) && !taken.TryAdd(Path.GetFullPath(path!), option))
            {
                throw new UsageException($"{option} and {taken[Path.GetFullPath(path!)]} name the same file '{path}'");
            }
        }
    }

    // /dev/null, /dev/stdout and their like may be named twice.
    private static bool IsFile(string? path) =>
        path is { Length: > 0 } and not "-" && !path.Contains('\0', StringComparison.Ordinal)
            && (!path.StartsWith("/dev/", StringComparison.Ordinal) || path.StartsWith("/dev/shm/", StringComparison.Ordinal));
}
