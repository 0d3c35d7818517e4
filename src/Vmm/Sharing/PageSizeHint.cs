namespace KvmSevVmm.Vmm.Sharing;

/// <summary>The page size that a guest names in KVM_HC_MAP_GPA_RANGE. A hint only: the count is in 4 KiB pages whatever it says.</summary>
public enum PageSizeHint
{
    /// <summary>KVM_MAP_GPA_RANGE_PAGE_SZ_4K.</summary>
    Size4K = 0,

    /// <summary>KVM_MAP_GPA_RANGE_PAGE_SZ_2M.</summary>
    Size2M = 1,

    /// <summary>KVM_MAP_GPA_RANGE_PAGE_SZ_1G.</summary>
    Size1G = 2,
}
