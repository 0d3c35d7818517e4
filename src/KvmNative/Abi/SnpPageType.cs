namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Type of the pages of one KVM_SEV_SNP_LAUNCH_UPDATE.</summary>
[CConstants("KVM_SEV_SNP_PAGE_TYPE_")]
public enum SnpPageType : byte
{
    /// <summary>No type; the kernel refuses it.</summary>
    [CName("KVM_SEV_PAGE_TYPE_INVALID")]
    Invalid = 0,

    /// <summary>Data, measured with its content.</summary>
    Normal = 1,

    /// <summary>Zeros, measured without content.</summary>
    Zero = 3,

    /// <summary>Data, measured without its content.</summary>
    Unmeasured = 4,

    /// <summary>The secrets page that the firmware fills.</summary>
    Secrets = 5,

    /// <summary>The CPUID page that the firmware checks.</summary>
    Cpuid = 6,
}
