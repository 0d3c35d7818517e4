namespace KvmSevVmm.Sev.Firmware;

/// <summary>What a section of a firmware image's SEV-SNP metadata asks of the monitor.</summary>
/// <remarks>Source: edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm.</remarks>
public enum SnpSectionType : uint
{
    /// <summary>SEC_MEM: zeroed memory for the firmware's first steps.</summary>
    SecMem = 1,

    /// <summary>SECRETS: one page that the PSP fills with the guest's message keys.</summary>
    Secrets = 2,

    /// <summary>CPUID: one page of CPUID values that the PSP checks.</summary>
    Cpuid = 3,

    /// <summary>SVSM_CAA: the calling area of an SVSM, zeroed where there is none.</summary>
    SvsmCaa = 4,

    /// <summary>SNP_KERNEL_HASHES: the page with the hash table, zeroed where there are no hashes.</summary>
    KernelHashes = 0x10,
}
