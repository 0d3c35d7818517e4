using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One extended control register.</summary>
[CName("struct kvm_xcr")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmXcr
{
    /// <summary>Register number.</summary>
    [FieldOffset(0)]
    public uint Xcr;

    /// <summary>Its value.</summary>
    [FieldOffset(8)]
    public ulong Value;
}
