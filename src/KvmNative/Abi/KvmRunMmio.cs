using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_MMIO: the guest accessed memory that no memslot backs.</summary>
[CName("struct kvm_run", "mmio")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmRunMmio
{
    /// <summary>Whether the guest wrote.</summary>
    public readonly bool IsWrite => IsWriteRaw != 0;

    /// <summary>Guest physical address.</summary>
    [FieldOffset(0)]
    public ulong PhysAddr;

    /// <summary>The data: from the guest on a write, for the guest on a read.</summary>
    [FieldOffset(8)]
    public Bytes8 Data;

    /// <summary>Bytes of the access, 1 to 8.</summary>
    [FieldOffset(16)]
    public uint Len;

    /// <summary>Nonzero when the guest wrote.</summary>
    [CName("is_write")]
    [FieldOffset(20)]
    public byte IsWriteRaw;
}
