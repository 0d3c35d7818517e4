namespace KvmSevVmm.Vmm.Host;

/// <summary>Where a host shows what it has; the defaults are where Linux has it.</summary>
public sealed record HostPaths
{
    /// <summary>The KVM device.</summary>
    public string Kvm { get; init; } = "/dev/kvm";

    /// <summary>The PSP device.</summary>
    public string Sev { get; init; } = "/dev/sev";

    /// <summary>Where kvm_amd shows its parameters.</summary>
    public string ModuleParameters { get; init; } = "/sys/module/kvm_amd/parameters";

    /// <summary>The root of the control groups, whose controller <c>misc</c> counts ASIDs.</summary>
    public string ControlGroups { get; init; } = "/sys/fs/cgroup";

    /// <summary>The kernel's release.</summary>
    public string KernelRelease { get; init; } = "/proc/sys/kernel/osrelease";

    /// <summary>This process, as the kernel describes it.</summary>
    public string Process { get; init; } = "/proc/self";
}
