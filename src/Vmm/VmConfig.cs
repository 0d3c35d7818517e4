using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm;

/// <summary>Everything that decides what a virtual machine is. Made by the command line, read by the virtual machine builder.</summary>
public sealed record VmConfig
{
    /// <summary>What to boot.</summary>
    public required BootConfig Boot { get; init; }

    /// <summary>Guest RAM in bytes; a multiple of 4 KiB.</summary>
    public ulong MemoryBytes { get; init; } = 512UL << 20;

    /// <summary>Number of vCPUs.</summary>
    public int VcpuCount { get; init; } = 1;

    /// <summary>Memory encryption.</summary>
    public SevConfig Sev { get; init; } = new();

    /// <summary>
    /// Bitmask given to KVM_CAP_EXIT_HYPERCALL; null takes KVM_HC_MAP_GPA_RANGE where the kernel has it and <see cref="Sev"/> wants it.
    /// </summary>
    public ulong? ExitHypercalls { get; init; }

    /// <summary>How the third argument of the hypercall is read.</summary>
    public HypercallAbi HypercallAbi { get; init; } = HypercallAbi.MapGpaRange;

    /// <summary>What an MSR that neither KVM nor the monitor knows gives the guest.</summary>
    public UnknownMsrPolicy UnknownMsrs { get; init; } = UnknownMsrPolicy.GeneralProtection;

    /// <summary>KVM features (leaf 0x40000001 EAX bits) to hide from the guest although the monitor answers them.</summary>
    public uint HiddenKvmFeatures { get; init; }

    /// <summary>Whether KVM itself refuses what the KVM CPUID leaf does not offer (KVM_CAP_ENFORCE_PV_FEATURE_CPUID).</summary>
    public bool EnforcePvFeatures { get; init; } = true;

    /// <summary>The guest's disks, in the order in which it finds them.</summary>
    public IReadOnlyList<DiskConfig> Disks { get; init; } = [];

    /// <summary>The guest's network cards, in the order in which it finds them.</summary>
    public IReadOnlyList<NetConfig> NetworkCards { get; init; } = [];

    /// <summary>The guest's socket device, or null for none.</summary>
    public VsockConfig? Vsock { get; init; }

    /// <summary>Whether the guest has an entropy source.</summary>
    public bool HasRng { get; init; }

    /// <summary>Whether the guest has a virtio console, Linux' hvc0, beside its serial port.</summary>
    public bool HasConsole { get; init; }

    /// <summary>Port of the debug-exit device, or null for none. A byte v written there ends the machine with guest code v.</summary>
    public ushort? DebugExitPort { get; init; }

    /// <summary>Stops the machine when this regular expression matches a console line.</summary>
    public string? Until { get; init; }

    /// <summary>Stops the machine after this time, counted from the first KVM_RUN.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether to end when the guest is launched and measured: it never runs.</summary>
    public bool IsLaunchOnly { get; init; }

    /// <summary>Whether the launch waits for the guest's owner when it is measured. Needs <see cref="ApiSocketPath"/>.</summary>
    public bool WaitsForOwner { get; init; }

    /// <summary>Path of the control socket, or null for none.</summary>
    public string? ApiSocketPath { get; init; }

    /// <summary>The KVM device.</summary>
    public string KvmPath { get; init; } = "/dev/kvm";
}

/// <summary>What the guest starts with.</summary>
/// <param name="KernelPath">bzImage or ELF file; null only with firmware.</param>
/// <param name="InitramfsPath">Initial RAM disk, or null.</param>
/// <param name="CommandLine">The kernel's command line, without a final NUL.</param>
/// <param name="FirmwarePath">Firmware that the guest starts with and that is handed the others; null to enter the kernel directly.</param>
public sealed record BootConfig(string? KernelPath, string? InitramfsPath, string CommandLine, string? FirmwarePath = null)
{
    /// <summary>Whether the initial RAM disk ends with a page that a launch secret may replace; without firmware only.</summary>
    public bool HasSecretPage { get; init; }
}

/// <summary>Memory encryption of the guest.</summary>
public sealed record SevConfig
{
    /// <summary>What protects the guest's memory.</summary>
    public SevMode Mode { get; init; } = SevMode.None;

    /// <summary>C-bit position; null takes the host's (for <see cref="SevMode.Simulated"/>: the guest's highest address bit).</summary>
    public int? CBitPosition { get; init; }

    /// <summary>What a simulated guest is to the model of the firmware.</summary>
    public SevGuestKind SimulatedKind { get; init; } = SevGuestKind.Sev;

    /// <summary>What the guest is to the firmware, or to its model; without meaning for an ordinary machine.</summary>
    public SevGuestKind Kind => Mode switch
    {
        SevMode.SevEs => SevGuestKind.SevEs,
        SevMode.SevSnp => SevGuestKind.SevSnp,
        SevMode.Simulated => SimulatedKind,
        _ => SevGuestKind.Sev,
    };

    /// <summary>
    /// Directory that keeps the platform of <see cref="SevMode.Simulated"/>, made if it is not there; null for a platform that ends with
    /// the machine.
    /// </summary>
    public string? ModelDirectory { get; init; }

    /// <summary>The guest's policy; null takes NODBG, and ES for a SEV-ES guest.</summary>
    public SevPolicy? Policy { get; init; }

    /// <summary>File with the owner's Diffie-Hellman certificate, raw or base64; null for a launch without an owner.</summary>
    public string? OwnerCertificatePath { get; init; }

    /// <summary>File with the owner's session, raw or base64; null exactly when <see cref="OwnerCertificatePath"/> is.</summary>
    public string? SessionPath { get; init; }

    /// <summary>The policy of a SEV-SNP guest; null takes 0x30000.</summary>
    public SnpPolicy? SnpPolicy { get; init; }

    /// <summary>Whether the launch measures the hashes of kernel, initrd and command line into the firmware's hash area.</summary>
    public bool HasKernelHashes { get; init; }

    /// <summary>File with the owner's ID block of a SEV-SNP guest, raw or base64, or the base64 text itself; or null.</summary>
    public string? IdBlockPath { get; init; }

    /// <summary>The ID block's authentication, likewise; null exactly when <see cref="IdBlockPath"/> is.</summary>
    public string? IdAuthenticationPath { get; init; }

    /// <summary>Whether the authentication's author key counts (AUTHOR_KEY_EN).</summary>
    public bool HasAuthorKey { get; init; }

    /// <summary>Whether reports signed by the VCEK are forbidden (VCEK_DIS).</summary>
    public bool IsVcekDisabled { get; init; }

    /// <summary>32 bytes that every report of a SEV-SNP guest repeats, likewise; or null.</summary>
    public string? HostDataPath { get; init; }

    /// <summary>How a SEV or SEV-ES machine is made; for the simulated mode, whose save areas it has.</summary>
    public SevInitInterface InitInterface { get; init; } = SevInitInterface.Auto;

    /// <summary>The firmware's device.</summary>
    public string DevicePath { get; init; } = "/dev/sev";
}

/// <summary>What an unknown MSR does.</summary>
public enum UnknownMsrPolicy
{
    /// <summary>#GP, as on hardware.</summary>
    GeneralProtection = 0,

    /// <summary>Reads give 0, writes are dropped; each is counted.</summary>
    Ignore = 1,
}
