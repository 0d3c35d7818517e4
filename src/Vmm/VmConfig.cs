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

    /// <summary>Port of the debug-exit device, or null for none. A byte v written there ends the machine with guest code v.</summary>
    public ushort? DebugExitPort { get; init; }

    /// <summary>Stops the machine when this regular expression matches a console line.</summary>
    public string? Until { get; init; }

    /// <summary>Stops the machine after this time, counted from the first KVM_RUN.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The KVM device.</summary>
    public string KvmPath { get; init; } = "/dev/kvm";
}

/// <summary>What the guest starts with.</summary>
/// <param name="KernelPath">bzImage or ELF file.</param>
/// <param name="InitramfsPath">Initial RAM disk, or null.</param>
/// <param name="CommandLine">The kernel's command line, without a final NUL.</param>
public sealed record BootConfig(string KernelPath, string? InitramfsPath, string CommandLine);

/// <summary>Memory encryption of the guest.</summary>
public sealed record SevConfig
{
    /// <summary>What protects the guest's memory.</summary>
    public SevMode Mode { get; init; } = SevMode.None;

    /// <summary>C-bit position; null takes the host's (for <see cref="SevMode.Simulated"/>: the guest's highest address bit).</summary>
    public int? CBitPosition { get; init; }

    /// <summary>The guest's policy; null takes NODBG, and ES where the mode is SEV-ES. For hardware only.</summary>
    public SevPolicy? Policy { get; init; }

    /// <summary>File with the owner's Diffie-Hellman certificate, raw or base64; null for a launch without an owner.</summary>
    public string? OwnerCertificatePath { get; init; }

    /// <summary>File with the owner's session, raw or base64; null exactly when <see cref="OwnerCertificatePath"/> is.</summary>
    public string? SessionPath { get; init; }

    /// <summary>How a SEV or SEV-ES machine is made.</summary>
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
