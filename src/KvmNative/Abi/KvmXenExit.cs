using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_XEN: a hypercall of the Xen interface.</summary>
[CName("struct kvm_xen_exit")]
[StructLayout(LayoutKind.Explicit, Size = 80)]
public struct KvmXenExit
{
    /// <summary>KVM_EXIT_XEN_HCALL (1).</summary>
    [FieldOffset(0)]
    public uint Type;

    /// <summary>Nonzero in 64-bit mode.</summary>
    [CName("u.hcall.longmode")]
    [FieldOffset(8)]
    public uint Longmode;

    /// <summary>Current privilege level.</summary>
    [CName("u.hcall.cpl")]
    [FieldOffset(12)]
    public uint Cpl;

    /// <summary>Hypercall number.</summary>
    [CName("u.hcall.input")]
    [FieldOffset(16)]
    public ulong Input;

    /// <summary>Result that the monitor writes.</summary>
    [CName("u.hcall.result")]
    [FieldOffset(24)]
    public ulong Result;

    /// <summary>Parameters.</summary>
    [CName("u.hcall.params")]
    [FieldOffset(32)]
    public ULongs6 Params;
}
