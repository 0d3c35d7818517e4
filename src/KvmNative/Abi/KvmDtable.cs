using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Descriptor table register: GDTR or IDTR.</summary>
[CName("struct kvm_dtable")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmDtable
{
    /// <summary>Linear address of the table.</summary>
    [FieldOffset(0)]
    public ulong Base;

    /// <summary>Length of the table in bytes, less one.</summary>
    [FieldOffset(8)]
    public ushort Limit;
}
