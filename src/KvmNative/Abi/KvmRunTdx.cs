using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_TDX: a call of an Intel TDX guest.</summary>
[CName("struct kvm_run", "tdx")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmRunTdx
{
    /// <summary>Zero.</summary>
    [FieldOffset(0)]
    public ulong Flags;

    /// <summary>Number of the call.</summary>
    [FieldOffset(8)]
    public ulong Nr;

    /// <summary>Result that the monitor writes.</summary>
    [CName("unknown.ret")]
    [FieldOffset(16)]
    public ulong Ret;

    /// <summary>Operands of a call that has no fields of its own.</summary>
    [CName("unknown.data")]
    [FieldOffset(24)]
    public ULongs5 Data;

    /// <summary>GetQuote: guest physical address of the buffer.</summary>
    [CName("get_quote.gpa")]
    [FieldOffset(24)]
    public ulong GetQuoteGpa;

    /// <summary>GetQuote: bytes of the buffer.</summary>
    [CName("get_quote.size")]
    [FieldOffset(32)]
    public ulong GetQuoteSize;

    /// <summary>GetTdVmCallInfo: leaf.</summary>
    [CName("get_tdvmcall_info.leaf")]
    [FieldOffset(24)]
    public ulong GetTdvmcallInfoLeaf;

    /// <summary>SetupEventNotifyInterrupt: vector.</summary>
    [CName("setup_event_notify.vector")]
    [FieldOffset(24)]
    public ulong SetupEventNotifyVector;
}
