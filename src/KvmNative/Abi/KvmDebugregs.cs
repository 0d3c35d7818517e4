using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Debug registers of a vCPU (KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS).</summary>
[CName("struct kvm_debugregs")]
[StructLayout(LayoutKind.Explicit, Size = 128)]
public struct KvmDebugregs
{
    /// <summary>DR0 to DR3, breakpoint addresses.</summary>
    [FieldOffset(0)]
    public ULongs4 Db;

    /// <summary>Debug status.</summary>
    [FieldOffset(32)]
    public ulong Dr6;

    /// <summary>Debug control.</summary>
    [FieldOffset(40)]
    public ulong Dr7;

    /// <summary>Zero.</summary>
    [FieldOffset(48)]
    public ulong Flags;
}
