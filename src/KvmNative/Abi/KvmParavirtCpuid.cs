namespace KvmSevVmm.KvmNative.Abi;

/// <summary>CPUID leaves of the paravirtual interface.</summary>
[CConstants("KVM_CPUID_")]
public static class KvmParavirtCpuid
{
    /// <summary>Signature "KVMKVMKVM" and the highest leaf.</summary>
    public const uint Signature = 0x40000000;

    /// <summary>Feature bits, see <see cref="KvmFeature"/>.</summary>
    public const uint Features = 0x40000001;
}
