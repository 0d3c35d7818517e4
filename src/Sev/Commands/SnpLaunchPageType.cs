namespace KvmSevVmm.Sev.Commands;

/// <summary>What a page is that SNP_LAUNCH_UPDATE adds.</summary>
/// <remarks>Source: AMD SNP ABI 56860, SNP_LAUNCH_UPDATE page types; Linux offers these five.</remarks>
public enum SnpLaunchPageType
{
    /// <summary>PAGE_TYPE_NORMAL: content and address are measured.</summary>
    Normal = 1,

    /// <summary>PAGE_TYPE_ZERO: zeros, measured as such; the source is not read.</summary>
    Zero = 3,

    /// <summary>PAGE_TYPE_UNMEASURED: only the address is measured.</summary>
    Unmeasured = 4,

    /// <summary>PAGE_TYPE_SECRETS: the firmware writes the guest's secrets page.</summary>
    Secrets = 5,

    /// <summary>PAGE_TYPE_CPUID: the firmware checks a CPUID table.</summary>
    Cpuid = 6,
}
