using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_HYPERV: an event of the Hyper-V interface.</summary>
[CName("struct kvm_hyperv_exit")]
[StructLayout(LayoutKind.Explicit, Size = 56)]
public struct KvmHypervExit
{
    /// <summary>1 SynIC, 2 hypercall, 3 synthetic debugger.</summary>
    [FieldOffset(0)]
    public uint Type;

    /// <summary>SynIC and debugger: the MSR that was written.</summary>
    [CName("u.synic.msr")]
    [FieldOffset(8)]
    public uint Msr;

    /// <summary>SynIC and debugger: its control value.</summary>
    [CName("u.synic.control")]
    [FieldOffset(16)]
    public ulong Control;

    /// <summary>SynIC: event page.</summary>
    [CName("u.synic.evt_page")]
    [FieldOffset(24)]
    public ulong EvtPage;

    /// <summary>SynIC: message page.</summary>
    [CName("u.synic.msg_page")]
    [FieldOffset(32)]
    public ulong MsgPage;

    /// <summary>Hypercall: its input value.</summary>
    [CName("u.hcall.input")]
    [FieldOffset(8)]
    public ulong HcallInput;

    /// <summary>Hypercall: the result that the monitor writes.</summary>
    [CName("u.hcall.result")]
    [FieldOffset(16)]
    public ulong HcallResult;

    /// <summary>Hypercall: its parameters.</summary>
    [CName("u.hcall.params")]
    [FieldOffset(24)]
    public ULongs2 HcallParams;

    /// <summary>Debugger: the status that the monitor writes.</summary>
    [CName("u.syndbg.status")]
    [FieldOffset(24)]
    public ulong SyndbgStatus;

    /// <summary>Debugger: send page.</summary>
    [CName("u.syndbg.send_page")]
    [FieldOffset(32)]
    public ulong SyndbgSendPage;

    /// <summary>Debugger: receive page.</summary>
    [CName("u.syndbg.recv_page")]
    [FieldOffset(40)]
    public ulong SyndbgRecvPage;

    /// <summary>Debugger: pending page.</summary>
    [CName("u.syndbg.pending_page")]
    [FieldOffset(48)]
    public ulong SyndbgPendingPage;
}
