namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Attributes of group <see cref="KvmSystemAttributeGroup.Sev"/>.</summary>
[CConstants("KVM_X86_")]
public static class KvmSevSystemAttributes
{
    /// <summary>SEV_FEATURES bits that KVM_SEV_INIT2 takes; absent where INIT2 is.</summary>
    public const ulong SevVmsaFeatures = 0;

    /// <summary>Policy bits that KVM_SEV_SNP_LAUNCH_START takes.</summary>
    public const ulong SnpPolicyBits = 1;

    /// <summary>KVM_SEV_SNP_ENABLE_REQ_CERTS exists.</summary>
    public const ulong SevSnpReqCerts = 2;
}
