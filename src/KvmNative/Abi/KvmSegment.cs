using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One segment register with its hidden descriptor part.</summary>
[CName("struct kvm_segment")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmSegment
{
    /// <summary>Base address, a guest linear address.</summary>
    [FieldOffset(0)]
    public ulong Base;

    /// <summary>Limit in bytes, already scaled by the granularity bit.</summary>
    [FieldOffset(8)]
    public uint Limit;

    /// <summary>Visible selector.</summary>
    [FieldOffset(12)]
    public ushort Selector;

    /// <summary>Descriptor type, four bits.</summary>
    [FieldOffset(14)]
    public byte Type;

    /// <summary>Present bit.</summary>
    [FieldOffset(15)]
    public byte Present;

    /// <summary>Descriptor privilege level, 0 to 3.</summary>
    [FieldOffset(16)]
    public byte Dpl;

    /// <summary>Default operand size (D/B bit).</summary>
    [FieldOffset(17)]
    public byte Db;

    /// <summary>Zero for a system descriptor, one for code or data.</summary>
    [FieldOffset(18)]
    public byte S;

    /// <summary>64-bit code segment.</summary>
    [FieldOffset(19)]
    public byte L;

    /// <summary>Granularity: the limit counts 4 KiB pages.</summary>
    [FieldOffset(20)]
    public byte G;

    /// <summary>Available to software.</summary>
    [FieldOffset(21)]
    public byte Avl;

    /// <summary>One when the register holds no usable segment.</summary>
    [FieldOffset(22)]
    public byte Unusable;
}
