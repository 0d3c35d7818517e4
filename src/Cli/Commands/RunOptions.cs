using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of <c>run</c>, as text; <see cref="ToConfig"/> gives them their meaning.</summary>
[Verb("run", HelpText = "Boot a guest and run it to its end.")]
internal sealed class RunOptions : CommonOptions
{
    private const ulong MaximumVcpus = 255;

    /// <summary>What to boot.</summary>
    [Option("kernel", Required = true, MetaValue = "FILE", HelpText = "Kernel to boot: bzImage or ELF.")]
    public string? Kernel { get; set; }

    /// <summary>The initial RAM disk.</summary>
    [Option("initramfs", MetaValue = "FILE", HelpText = "Initial RAM disk. Also: --initrd.")]
    public string? Initramfs { get; set; }

    /// <summary>The same in QEMU's spelling.</summary>
    [Option("initrd", Hidden = true)]
    public string? Initrd { get; set; }

    /// <summary>The kernel's command line.</summary>
    [Option("cmdline", MetaValue = "TEXT", HelpText = "Kernel command line. Also: --append.")]
    public string? CommandLine { get; set; }

    /// <summary>The same in QEMU's spelling.</summary>
    [Option("append", Hidden = true)]
    public string? Append { get; set; }

    /// <summary>Guest RAM.</summary>
    [Option("memory", MetaValue = "SIZE", Default = "512M", HelpText = "Guest RAM: 512M, 4G, 1GiB, size=4G or bytes.")]
    public string Memory { get; set; } = string.Empty;

    /// <summary>Number of vCPUs.</summary>
    [Option("cpus", MetaValue = "N", Default = "1", HelpText = "Number of vCPUs.")]
    public string Cpus { get; set; } = string.Empty;

    /// <summary>Memory encryption.</summary>
    [Option("sev", MetaValue = "MODE", Default = "none",
        HelpText = "none, simulated, sev, sev-es or sev-snp; then ,cbitpos=N, and for hardware ,policy=P ,dh-cert-file=F ,session-file=F "
            + ",legacy-vm-type=on|off|auto ,sev-device=PATH.")]
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
    [Option("hypercall-abi", MetaValue = "ABI", Default = "map-gpa-range",
        HelpText = "map-gpa-range (Linux 5.14) or page-enc-status (the first proposal).")]
    public string HypercallAbi { get; set; } = string.Empty;

    /// <summary>What unknown MSRs do.</summary>
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

    /// <summary>The guest's disks.</summary>
    [Option("disk", MetaValue = "DISK",
        HelpText = "A disk, repeatable: an image or block device, PATH or path=PATH, then ,readonly=on ,queues=N.")]
    public IEnumerable<string> Disk { get; set; } = [];

    /// <summary>The guest's network cards.</summary>
    [Option("net", MetaValue = "NET",
        HelpText = "A network card, repeatable: tap=NAME, or socket=PATH of passt and its like; then ,mac=XX:XX:XX:XX:XX:XX.")]
    public IEnumerable<string> Net { get; set; } = [];

    /// <summary>The socket device.</summary>
    [Option("vsock", MetaValue = "VSOCK",
        HelpText = "A socket device: cid=N,socket=PATH. The host connects to PATH and writes 'CONNECT port'; the guest reaches PATH_port.")]
    public string? Vsock { get; set; }

    /// <summary>Whether there is an entropy source.</summary>
    [Option("rng", HelpText = "Give the guest an entropy source, which the host's kernel feeds.")]
    public bool Rng { get; set; }

    /// <summary>The debug-exit port.</summary>
    [Option("debug-exit", MetaValue = "PORT",
        HelpText = "I/O port that ends the run: a byte V written there is exit code (V << 1 | 1) & 0xff.")]
    public string? DebugExit { get; set; }

    /// <summary>Where the serial port goes.</summary>
    [Option("serial", MetaValue = "TARGET", Default = "tty", HelpText = "First serial port: tty (Ctrl-A X ends), off or file=PATH.")]
    public string Serial { get; set; } = string.Empty;

    /// <summary>The KVM device.</summary>
    [Option("kvm", MetaValue = "PATH", Default = "/dev/kvm", HelpText = "The KVM device.")]
    public string Kvm { get; set; } = string.Empty;

    /// <summary>Whether to stop after the checks.</summary>
    [Option("dry-run", HelpText = "Check everything that can be checked without KVM, print the plan as JSON, run nothing.")]
    public bool DryRun { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        RefuseBoth("--initramfs", Initramfs, "--initrd", Initrd);
        RefuseBoth("--cmdline", CommandLine, "--append", Append);
        RefuseSameFile();
    }

    /// <summary>Gives every option its meaning; touches no file.</summary>
    /// <exception cref="UsageException">A value cannot be read; the message names the option.</exception>
    internal VmConfig ToConfig()
    {
        string commandLine = CommandLine ?? Append ?? string.Empty;
        if (commandLine.Contains('\0', StringComparison.Ordinal))
        {
            throw new UsageException("--cmdline: holds a NUL character");
        }

        return new VmConfig
        {
            Boot = new BootConfig(RequirePath("--kernel", Kernel)!, RequirePath("--initramfs", Initramfs ?? Initrd), commandLine),
            MemoryBytes = ParseMemory(),
            VcpuCount = (int)NumberValue.Parse("--cpus", Cpus, 1, MaximumVcpus),
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
            Disks = ParseAll(Disk, DiskValue.Parse),
            NetworkCards = ParseAll(Net, NetValue.Parse),
            Vsock = Vsock is string vsock ? VsockValue.Parse(vsock) : null,
            HasRng = Rng,
            DebugExitPort = DebugExit is string port ? (ushort)NumberValue.Parse("--debug-exit", port, 0, ushort.MaxValue) : null,
            Until = ParseUntil(),
            Timeout = Timeout is string time ? DurationValue.Parse("--timeout", time) : null,
            KvmPath = RequirePath("--kvm", Kvm)!,
        };
    }

    // None is always the same list, so that configurations that mean the same are equal.
    private static T[] ParseAll<T>(IEnumerable<string> texts, Func<string, T> parse)
    {
        T[] values = [.. texts.Select(parse)];
        return values.Length == 0 ? [] : values;
    }

    private static string? RequirePath(string option, string? path) =>
        path is { Length: 0 } ? throw new UsageException($"{option}: the file name is empty") : path;

    private static void RefuseBoth(string first, string? firstValue, string second, string? secondValue)
    {
        if (firstValue is not null && secondValue is not null)
        {
            throw new UsageException($"{first} and {second} are the same option; give one of them");
        }
    }

    private ulong ParseMemory()
    {
        const string Option = "--memory";
        string text = Memory.Contains('=', StringComparison.Ordinal) || Memory.Contains(',', StringComparison.Ordinal)
            ? KeyValueList.Parse(Option, Memory, "size").Get("size")!
            : Memory;
        ulong bytes = SizeValue.Parse(Option, text);
        return GuestPage.IsAligned(bytes) ? bytes : throw new UsageException($"{Option}: '{text}' is not a multiple of 4 KiB");
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

    // The kernel named by mistake as an output would be gone; two outputs in one file would be one output.
    private void RefuseSameFile()
    {
        string? serialFile = SerialTarget.Parse(Serial).Path;
        SevConfig sev = SevValue.Parse(Sev);
        (string Option, string? Path)[] inputs =
        [
            ("--kernel", Kernel),
            ("--initramfs", Initramfs ?? Initrd),
            ("--kvm", Kvm),
            ("--sev dh-cert-file", sev.OwnerCertificatePath),
            ("--sev session-file", sev.SessionPath),
            .. Disk.Select(static disk => ("--disk", (string?)DiskValue.Parse(disk).Path)),
        ];
        (string Option, string? Path)[] outputs =
            [("--map-out", MapOut), ("--event-log", EventLog), ("--result", Result), ("--serial", serialFile), ("--log-file", LogFile)];
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
