namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>What the CPUID of one vCPU is made for.</summary>
public readonly record struct CpuidRequest
{
    /// <summary>Index of the vCPU, which is its APIC id.</summary>
    public required uint VcpuIndex { get; init; }

    /// <summary>Number of vCPUs in the machine.</summary>
    public required int VcpuCount { get; init; }

    /// <summary>KVM features (leaf 0x40000001 EAX) that the monitor itself answers and wants offered beside KVM's own.</summary>
    public uint MonitorKvmFeatures { get; init; }

    /// <summary>KVM features to hide although they would be answered.</summary>
    public uint HiddenKvmFeatures { get; init; }

    /// <summary>Whether the in-kernel local APIC has a TSC deadline timer: KVM tells of it by a capability, not by CPUID.</summary>
    public bool HasTscDeadlineTimer { get; init; }

    /// <summary>Leaf 0x8000001F, or null for a guest without memory encryption.</summary>
    public MemoryEncryptionLeaf? MemoryEncryption { get; init; }
}

/// <summary>CPUID leaf 0x8000001F as the guest sees it.</summary>
/// <param name="Features">EAX: bit 1 SEV, bit 3 SEV-ES, bit 4 SEV-SNP.</param>
/// <param name="CBitPosition">EBX bits 5:0.</param>
/// <param name="ReducedPhysicalBits">EBX bits 11:6.</param>
/// <remarks>Source: AMD APM volume 3, appendix E.4.17.</remarks>
public readonly record struct MemoryEncryptionLeaf(uint Features, int CBitPosition, int ReducedPhysicalBits);
