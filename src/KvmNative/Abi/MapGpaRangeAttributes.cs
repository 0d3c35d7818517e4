namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Third argument of <see cref="KvmHypercall.MapGpaRange"/>: bits 3:0 page size, bit 4 encrypted, others zero.</summary>
[Flags]
[CConstants("KVM_MAP_GPA_RANGE_")]
public enum MapGpaRangeAttributes : ulong
{
    /// <summary>Pages of 4 KiB; also the value for shared memory.</summary>
    [CName("KVM_MAP_GPA_RANGE_PAGE_SZ_4K")]
    PageSz4k = 0,

    /// <summary>Hint: pages of 2 MiB.</summary>
    [CName("KVM_MAP_GPA_RANGE_PAGE_SZ_2M")]
    PageSz2m = 1,

    /// <summary>Hint: pages of 1 GiB.</summary>
    [CName("KVM_MAP_GPA_RANGE_PAGE_SZ_1G")]
    PageSz1g = 2,

    /// <summary>The range is private.</summary>
    Encrypted = 0x10,
}
