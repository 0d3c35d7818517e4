namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Attributes of guest pages.</summary>
[Flags]
[CConstants("KVM_MEMORY_ATTRIBUTE_")]
public enum KvmMemoryAttributeFlags : ulong
{
    /// <summary>Shared.</summary>
    None = 0,

    /// <summary>Private.</summary>
    Private = 8,
}
