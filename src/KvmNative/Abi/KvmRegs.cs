using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>General registers of a vCPU (KVM_GET_REGS, KVM_SET_REGS).</summary>
[CName("struct kvm_regs")]
[StructLayout(LayoutKind.Explicit, Size = 144)]
public struct KvmRegs
{
    /// <summary>Register RAX.</summary>
    [FieldOffset(0)]
    public ulong Rax;

    /// <summary>Register RBX.</summary>
    [FieldOffset(8)]
    public ulong Rbx;

    /// <summary>Register RCX.</summary>
    [FieldOffset(16)]
    public ulong Rcx;

    /// <summary>Register RDX.</summary>
    [FieldOffset(24)]
    public ulong Rdx;

    /// <summary>Register RSI.</summary>
    [FieldOffset(32)]
    public ulong Rsi;

    /// <summary>Register RDI.</summary>
    [FieldOffset(40)]
    public ulong Rdi;

    /// <summary>Register RSP.</summary>
    [FieldOffset(48)]
    public ulong Rsp;

    /// <summary>Register RBP.</summary>
    [FieldOffset(56)]
    public ulong Rbp;

    /// <summary>Register R8.</summary>
    [FieldOffset(64)]
    public ulong R8;

    /// <summary>Register R9.</summary>
    [FieldOffset(72)]
    public ulong R9;

    /// <summary>Register R10.</summary>
    [FieldOffset(80)]
    public ulong R10;

    /// <summary>Register R11.</summary>
    [FieldOffset(88)]
    public ulong R11;

    /// <summary>Register R12.</summary>
    [FieldOffset(96)]
    public ulong R12;

    /// <summary>Register R13.</summary>
    [FieldOffset(104)]
    public ulong R13;

    /// <summary>Register R14.</summary>
    [FieldOffset(112)]
    public ulong R14;

    /// <summary>Register R15.</summary>
    [FieldOffset(120)]
    public ulong R15;

    /// <summary>Instruction pointer.</summary>
    [FieldOffset(128)]
    public ulong Rip;

    /// <summary>Flags register; bit 1 is always set.</summary>
    [FieldOffset(136)]
    public ulong Rflags;
}
