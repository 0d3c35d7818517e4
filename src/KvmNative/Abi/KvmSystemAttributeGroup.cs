namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Attribute groups of the /dev/kvm file descriptor.</summary>
[CConstants("KVM_X86_GRP_")]
public static class KvmSystemAttributeGroup
{
    /// <summary>Attributes of every vendor.</summary>
    public const uint System = 0;

    /// <summary>Attributes of AMD SEV, see <see cref="KvmSevSystemAttributes"/>.</summary>
    public const uint Sev = 1;
}
