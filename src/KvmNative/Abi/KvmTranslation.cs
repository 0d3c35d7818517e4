using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Guest page-table walk (KVM_TRANSLATE).</summary>
[CName("struct kvm_translation")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmTranslation
{
    /// <summary>Input: guest linear address.</summary>
    [FieldOffset(0)]
    public ulong LinearAddress;

    /// <summary>Output: guest physical address.</summary>
    [FieldOffset(8)]
    public ulong PhysicalAddress;

    /// <summary>The address is mapped.</summary>
    [FieldOffset(16)]
    public byte Valid;

    /// <summary>The mapping may be written.</summary>
    [FieldOffset(17)]
    public byte Writeable;

    /// <summary>User mode may access it.</summary>
    [FieldOffset(18)]
    public byte Usermode;
}
