using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_HYPERCALL: a hypercall that KVM_CAP_EXIT_HYPERCALL hands over.</summary>
[CName("struct kvm_run", "hypercall")]
[StructLayout(LayoutKind.Explicit, Size = 72)]
public struct KvmRunHypercall
{
    /// <summary>Bit of <see cref="Flags"/>: the caller ran in 64-bit mode.</summary>
    [CName("KVM_EXIT_HYPERCALL_LONG_MODE")]
    public const ulong LongModeFlag = 1;

    /// <summary>Whether the caller ran in 64-bit mode; not written for the page-state changes of SNP guests.</summary>
    public readonly bool IsLongMode => Longmode != 0;

    /// <summary>Hypercall number, see <see cref="KvmHypercall"/>.</summary>
    [FieldOffset(0)]
    public ulong Nr;

    /// <summary>Argument 0 (RBX).</summary>
    [CName("args[0]")]
    [FieldOffset(8)]
    public ulong Arg0;

    /// <summary>Argument 1 (RCX).</summary>
    [CName("args[1]")]
    [FieldOffset(16)]
    public ulong Arg1;

    /// <summary>Argument 2 (RDX).</summary>
    [CName("args[2]")]
    [FieldOffset(24)]
    public ulong Arg2;

    /// <summary>Argument 3 (RSI).</summary>
    [CName("args[3]")]
    [FieldOffset(32)]
    public ulong Arg3;

    /// <summary>Argument 4 (unused).</summary>
    [CName("args[4]")]
    [FieldOffset(40)]
    public ulong Arg4;

    /// <summary>Argument 5 (unused).</summary>
    [CName("args[5]")]
    [FieldOffset(48)]
    public ulong Arg5;

    /// <summary>Result that the kernel puts in RAX; always write it.</summary>
    [FieldOffset(56)]
    public ulong Ret;

    /// <summary>Newer kernels: <see cref="LongModeFlag"/>, other bits zero.</summary>
    [FieldOffset(64)]
    public ulong Flags;

    /// <summary>Older kernels: nonzero in 64-bit mode.</summary>
    [FieldOffset(64)]
    public uint Longmode;
}
