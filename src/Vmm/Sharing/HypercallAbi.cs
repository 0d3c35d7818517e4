namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Which meaning the third argument of hypercall 12 has; one call alone cannot tell them apart.</summary>
public enum HypercallAbi
{
    /// <summary>KVM_HC_MAP_GPA_RANGE as merged in Linux 5.14: bits 3:0 page size, bit 4 encrypted, 63:5 zero.</summary>
    MapGpaRange = 0,

    /// <summary>KVM_HC_PAGE_ENC_STATUS as first proposed in April 2021: 1 encrypted, 0 not.</summary>
    PageEncStatus = 1,
}
