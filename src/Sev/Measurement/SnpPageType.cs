namespace KvmSevVmm.Sev.Measurement;

/// <summary>The type of a page that SNP_LAUNCH_UPDATE adds to a guest.</summary>
/// <remarks>Source: AMD SNP ABI 56860, SNP_LAUNCH_UPDATE, PAGE_TYPE.</remarks>
public enum SnpPageType : byte
{
    /// <summary>PAGE_TYPE_NORMAL: contents and address are measured.</summary>
    Normal = 1,

    /// <summary>PAGE_TYPE_VMSA: the registers of a vCPU, measured.</summary>
    Vmsa = 2,

    /// <summary>PAGE_TYPE_ZERO: the firmware zeroes the page; its address is measured.</summary>
    Zero = 3,

    /// <summary>PAGE_TYPE_UNMEASURED: contents of the host's choice; the address is measured.</summary>
    Unmeasured = 4,

    /// <summary>PAGE_TYPE_SECRETS: the firmware writes the guest's message keys; the address is measured.</summary>
    Secrets = 5,

    /// <summary>PAGE_TYPE_CPUID: the firmware checks the CPUID values; the address is measured.</summary>
    Cpuid = 6,
}
