using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One range of an MSR filter.</summary>
[CName("struct kvm_msr_filter_range")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmMsrFilterRange
{
    /// <summary>See <see cref="KvmMsrFilterFlags"/>: the accesses that the bitmap governs.</summary>
    [FieldOffset(0)]
    public uint Flags;

    /// <summary>Count of MSRs, which is count of bits in the bitmap.</summary>
    [FieldOffset(4)]
    public uint Nmsrs;

    /// <summary>First MSR number.</summary>
    [FieldOffset(8)]
    public uint Base;

    /// <summary>Address of the bitmap: a one allows, a zero denies; rounded up to 64 bits.</summary>
    [FieldOffset(16)]
    public ulong Bitmap;
}
