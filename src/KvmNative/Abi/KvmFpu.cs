using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>x87 and SSE state of a vCPU (KVM_GET_FPU, KVM_SET_FPU).</summary>
[CName("struct kvm_fpu")]
[StructLayout(LayoutKind.Explicit, Size = 416)]
public struct KvmFpu
{
    /// <summary>ST0 to ST7, 16 bytes each.</summary>
    [FieldOffset(0)]
    public Bytes128 Fpr;

    /// <summary>x87 control word.</summary>
    [FieldOffset(128)]
    public ushort Fcw;

    /// <summary>x87 status word.</summary>
    [FieldOffset(130)]
    public ushort Fsw;

    /// <summary>x87 tag word in FXSAVE format.</summary>
    [FieldOffset(132)]
    public byte Ftwx;

    /// <summary>Opcode of the last x87 instruction.</summary>
    [FieldOffset(134)]
    public ushort LastOpcode;

    /// <summary>Address of the last x87 instruction.</summary>
    [FieldOffset(136)]
    public ulong LastIp;

    /// <summary>Address of its operand.</summary>
    [FieldOffset(144)]
    public ulong LastDp;

    /// <summary>XMM0 to XMM15, 16 bytes each.</summary>
    [FieldOffset(152)]
    public Bytes256 Xmm;

    /// <summary>SSE control and status.</summary>
    [FieldOffset(408)]
    public uint Mxcsr;
}
