using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Extended control registers of a vCPU (KVM_GET_XCRS, KVM_SET_XCRS).</summary>
[CName("struct kvm_xcrs")]
[StructLayout(LayoutKind.Explicit, Size = 392)]
public struct KvmXcrs
{
    /// <summary>Count of valid entries in <see cref="Xcrs"/>, at most 16.</summary>
    [FieldOffset(0)]
    public uint NrXcrs;

    /// <summary>Zero.</summary>
    [FieldOffset(4)]
    public uint Flags;

    /// <summary>The registers.</summary>
    [FieldOffset(8)]
    public KvmXcrArray16 Xcrs;
}
