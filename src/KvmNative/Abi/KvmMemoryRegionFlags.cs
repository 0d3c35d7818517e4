namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of a memslot.</summary>
[Flags]
[CConstants("KVM_MEM_")]
public enum KvmMemoryRegionFlags : uint
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>Record which pages are written.</summary>
    LogDirtyPages = 1,

    /// <summary>Guest writes exit as MMIO.</summary>
    Readonly = 2,

    /// <summary>Private pages live in a guest_memfd.</summary>
    GuestMemfd = 4,
}
