using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Decides which CPUID a guest sees: a list of known leaves, each stripped of what this monitor does not answer.</summary>
/// <remarks>
/// The starting point is KVM_GET_SUPPORTED_CPUID, never the CPUID instruction of the host. A leaf that is not in the list below is
/// not offered, so a new host feature stays hidden until somebody has thought about it.
/// </remarks>
public static class CpuidPolicy
{
    /// <summary>KVM_CPUID_FLAG_SIGNIFCANT_INDEX: the entry answers for its own ECX only.</summary>
    private const uint SignificantIndex = 1;

    private const uint TopologyLeaf = 0xB;
    private const uint KvmSignatureLeaf = 0x4000_0000;
    private const uint KvmFeaturesLeaf = 0x4000_0001;
    private const uint ExtendedBaseLeaf = 0x8000_0000;
    private const uint MemoryEncryptionLeafNumber = 0x8000_001F;

    /// <summary>The leaves that a guest may see, with the bits that are always hidden from it.</summary>
    private static readonly LeafRule[] Rules =
    [
        new(0x0),
        // Hidden ECX: DTES64, MONITOR, DS-CPL, VMX, SMX, EST, TM2, SDBG, xTPR, PDCM, DCA. Hidden EDX: DS, ACPI, TM, IA64, PBE.
        new(0x1) { HideEcx = Bits(2, 3, 4, 5, 6, 7, 8, 11, 14, 15, 18), HideEdx = Bits(21, 22, 29, 30, 31) },
        new(0x2),
        new(0x4),
        // EAX: ARAT alone; the rest is power management that nobody emulates.
        new(0x6) { HideEax = ~Bits(2), HideEbx = ~0u, HideEcx = ~0u, HideEdx = ~0u },
        // Hidden EBX: SGX, RDT-M, RDT-A, PT. Hidden ECX: ENQCMD, SGX_LC, PKS. Hidden EDX: UINTR, PCONFIG, ARCH_LBR.
        new(0x7) { Index = 0, HideEbx = Bits(2, 12, 15, 25), HideEcx = Bits(29, 30, 31), HideEdx = Bits(5, 18, 19) },
        new(0xD),
        new(ExtendedBaseLeaf),
        // Hidden ECX: SVM, IBS, SKINIT, WDT, LWP, NodeId, the performance counters, MWAITX: nested guests and PMU are not offered.
        new(0x8000_0001) { HideEcx = Bits(2, 10, 12, 13, 15, 19, 23, 24, 27, 28, 29) },
        new(0x8000_0002),
        new(0x8000_0003),
        new(0x8000_0004),
        new(0x8000_0005),
        new(0x8000_0006),
        // EDX: invariant TSC alone.
        new(0x8000_0007) { HideEax = ~0u, HideEbx = ~0u, HideEcx = ~0u, HideEdx = ~Bits(8) },
        new(0x8000_0008),
        new(0x8000_0019),
        new(0x8000_001A),
        new(0x8000_001D),
        new(0x8000_001E),
        new(0x8000_0021),
    ];

    /// <summary>Makes the CPUID table of one vCPU.</summary>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="request">The vCPU and what its machine offers.</param>
    /// <returns>Entries for KVM_SET_CPUID2, sorted by leaf and index.</returns>
    public static KvmCpuidEntry2[] Create(ReadOnlySpan<KvmCpuidEntry2> supported, in CpuidRequest request)
    {
        var entries = new List<KvmCpuidEntry2>(supported.Length + 4);
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (TryFilter(entry, out KvmCpuidEntry2 filtered))
            {
                entries.Add(Personalise(filtered, request));
            }
        }

        AddTopologyLeaf(entries, supported, request);
        AddKvmLeaves(entries, supported, request);
        AddMemoryEncryptionLeaf(entries, request);
        entries.Sort(static (left, right) => (left.Function, left.Index).CompareTo((right.Function, right.Index)));
        ClampLargestLeaves(entries);
        return [.. entries];
    }

    /// <summary>Guest physical address width that KVM offers: leaf 0x80000008 EAX bits 7:0.</summary>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <returns>Bits; 36 when the host does not say.</returns>
    public static int GetPhysicalAddressBits(ReadOnlySpan<KvmCpuidEntry2> supported)
    {
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == 0x8000_0008)
            {
                return (int)(entry.Eax & 0xFF);
            }
        }

        return 36;
    }

    /// <summary>The processor's family, model and stepping as KVM offers them: leaf 1 EAX.</summary>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <returns>The signature; 0 when the host does not say.</returns>
    public static uint GetSignature(ReadOnlySpan<KvmCpuidEntry2> supported)
    {
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == 1)
            {
                return entry.Eax;
            }
        }

        return 0;
    }

    private static bool TryFilter(KvmCpuidEntry2 entry, out KvmCpuidEntry2 filtered)
    {
        filtered = entry;
        foreach (LeafRule rule in Rules)
        {
            if (rule.Function == entry.Function && (rule.Index is not { } index || index == entry.Index))
            {
                filtered.Eax &= ~rule.HideEax;
                filtered.Ebx &= ~rule.HideEbx;
                filtered.Ecx &= ~rule.HideEcx;
                filtered.Edx &= ~rule.HideEdx;
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes APIC ids and the topology (one thread a core, one package) into the leaves that carry them.</summary>
    private static KvmCpuidEntry2 Personalise(KvmCpuidEntry2 entry, in CpuidRequest request)
    {
        uint count = (uint)request.VcpuCount;
        switch (entry.Function)
        {
            case 0x1:
                entry.Ebx = (entry.Ebx & 0x0000_FFFF) | (Math.Min(count, 255) << 16) | (request.VcpuIndex << 24);
                entry.Ecx |= (1u << 31) | (request.HasTscDeadlineTimer ? 1u << 24 : 0); // a hypervisor is present
                entry.Edx = count > 1 ? entry.Edx | (1u << 28) : entry.Edx & ~(1u << 28);
                break;
            case 0x4:
                entry.Eax = (entry.Eax & 0x3FFF) | (Math.Min(count - 1, 63) << 26) | (IsSharedCache(entry) ? (count - 1) << 14 : 0);
                break;
            case 0x8000_0008:
                entry.Ecx = (entry.Ecx & ~0xF0FFu) | ((uint)CeilingLog2(count) << 12) | Math.Min(count - 1, 255);
                break;
            case 0x8000_001D:
                entry.Eax = (entry.Eax & 0x3FFF) | (IsSharedCache(entry) ? (count - 1) << 14 : 0);
                break;
            case 0x8000_001E:
                entry.Eax = request.VcpuIndex;
                entry.Ebx = request.VcpuIndex & 0xFF;
                entry.Ecx = 0;
                break;
            default:
                break;
        }

        return entry;
    }

    /// <summary>Leaf 0xB: subleaf 0 is the thread level (one), subleaf 1 the core level, the next one ends the list.</summary>
    private static KvmCpuidEntry2 CreateTopologyEntry(uint index, in CpuidRequest request) => new()
    {
        Function = TopologyLeaf,
        Index = index,
        Flags = SignificantIndex,
        Eax = index == 1 ? (uint)CeilingLog2((uint)request.VcpuCount) : 0,
        Ebx = index switch { 0 => 1, 1 => (uint)request.VcpuCount, _ => 0 },
        Ecx = index | (index switch { 0 => 1u << 8, 1 => 2u << 8, _ => 0 }),
        Edx = request.VcpuIndex,
    };

    /// <summary>
    /// Says both levels of leaf 0xB whatever KVM lists of it: from Linux 6.3 on that may be an empty subleaf 0 alone, and a guest would
    /// find neither its cores nor its x2APIC id.
    /// </summary>
    private static void AddTopologyLeaf(List<KvmCpuidEntry2> entries, ReadOnlySpan<KvmCpuidEntry2> supported, in CpuidRequest request)
    {
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == TopologyLeaf)
            {
                entries.Add(CreateTopologyEntry(0, request));
                entries.Add(CreateTopologyEntry(1, request));
                entries.Add(CreateTopologyEntry(2, request));
                return;
            }
        }
    }

    private static void AddKvmLeaves(List<KvmCpuidEntry2> entries, ReadOnlySpan<KvmCpuidEntry2> supported, in CpuidRequest request)
    {
        uint features = 0;
        uint hints = 0;
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == KvmFeaturesLeaf)
            {
                features = entry.Eax;
                hints = entry.Edx;
            }
        }

        // "KVMKVMKVM\0\0\0": the guest finds its paravirtual interface by this name.
        entries.Add(new() { Function = KvmSignatureLeaf, Eax = KvmFeaturesLeaf, Ebx = 0x4B4D_564B, Ecx = 0x564B_4D56, Edx = 0x4D });
        entries.Add(new()
        {
            Function = KvmFeaturesLeaf,
            Eax = (features | request.MonitorKvmFeatures) & ~request.HiddenKvmFeatures,
            Edx = hints,
        });
    }

    private static void AddMemoryEncryptionLeaf(List<KvmCpuidEntry2> entries, in CpuidRequest request)
    {
        if (request.MemoryEncryption is not { } leaf)
        {
            return;
        }

        entries.Add(new()
        {
            Function = MemoryEncryptionLeafNumber,
            Eax = leaf.Features,
            Ebx = (uint)leaf.CBitPosition | ((uint)leaf.ReducedPhysicalBits << 6),
        });
    }

    /// <summary>Leaf 0 and 0x80000000 name the largest leaf of their family: the largest that is really there.</summary>
    private static void ClampLargestLeaves(List<KvmCpuidEntry2> entries)
    {
        uint largestBasic = 0;
        uint largestExtended = ExtendedBaseLeaf;
        foreach (KvmCpuidEntry2 entry in entries)
        {
            if (entry.Function < KvmSignatureLeaf)
            {
                largestBasic = Math.Max(largestBasic, entry.Function);
            }
            else if (entry.Function >= ExtendedBaseLeaf)
            {
                largestExtended = Math.Max(largestExtended, entry.Function);
            }
        }

        for (int i = 0; i < entries.Count; i++)
        {
            KvmCpuidEntry2 entry = entries[i];
            if (entry.Function is 0 or ExtendedBaseLeaf)
            {
                entry.Eax = entry.Function == 0 ? largestBasic : largestExtended;
                entries[i] = entry;
            }
        }
    }

    /// <summary>Cache level 3 (EAX bits 7:5) is shared by all cores; the levels below belong to one.</summary>
    private static bool IsSharedCache(KvmCpuidEntry2 entry) => ((entry.Eax >> 5) & 7) >= 3;

    private static int CeilingLog2(uint value) => value <= 1 ? 0 : 32 - int.CreateChecked(uint.LeadingZeroCount(value - 1));

    private static uint Bits(params ReadOnlySpan<int> positions)
    {
        uint bits = 0;
        foreach (int position in positions)
        {
            bits |= 1u << position;
        }

        return bits;
    }

    private readonly record struct LeafRule(uint Function)
    {
        /// <summary>The subleaf, or null for all of them.</summary>
        public uint? Index { get; init; }

        public uint HideEax { get; init; }

        public uint HideEbx { get; init; }

        public uint HideEcx { get; init; }

        public uint HideEdx { get; init; }
    }
}
