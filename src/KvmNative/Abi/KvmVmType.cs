namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Type of a VM, the argument of KVM_CREATE_VM; KVM_CAP_VM_TYPES has one bit for each.</summary>
[CConstants("KVM_X86_", "_VM")]
public enum KvmVmType : ulong
{
    /// <summary>Ordinary VM; also the older way to make a SEV or SEV-ES guest.</summary>
    Default = 0,

    /// <summary>Private memory without encryption, for development.</summary>
    SwProtected = 1,

    /// <summary>SEV guest, initialised with KVM_SEV_INIT2.</summary>
    Sev = 2,

    /// <summary>SEV-ES guest, initialised with KVM_SEV_INIT2.</summary>
    SevEs = 3,

    /// <summary>SEV-SNP guest.</summary>
    Snp = 4,

    /// <summary>Intel TDX guest.</summary>
    Tdx = 5,
}
