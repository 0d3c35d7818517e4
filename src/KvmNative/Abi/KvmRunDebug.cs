using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_DEBUG: a breakpoint or a single step.</summary>
[CName("struct kvm_run", "debug")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmRunDebug
{
    /// <summary>Vector: 1 debug, 3 breakpoint.</summary>
    [CName("arch.exception")]
    [FieldOffset(0)]
    public uint Exception;

    /// <summary>Linear address of the instruction.</summary>
    [CName("arch.pc")]
    [FieldOffset(8)]
    public ulong Pc;

    /// <summary>Debug status.</summary>
    [CName("arch.dr6")]
    [FieldOffset(16)]
    public ulong Dr6;

    /// <summary>Debug control.</summary>
    [CName("arch.dr7")]
    [FieldOffset(24)]
    public ulong Dr7;
}
