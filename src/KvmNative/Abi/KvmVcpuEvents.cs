using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Pending exceptions, interrupts, NMIs and SMIs of a vCPU (KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS).</summary>
[CName("struct kvm_vcpu_events")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmVcpuEvents
{
    /// <summary>An exception is being delivered.</summary>
    [CName("exception.injected")]
    [FieldOffset(0)]
    public byte ExceptionInjected;

    /// <summary>Its vector.</summary>
    [CName("exception.nr")]
    [FieldOffset(1)]
    public byte ExceptionNr;

    /// <summary>It pushes an error code.</summary>
    [CName("exception.has_error_code")]
    [FieldOffset(2)]
    public byte ExceptionHasErrorCode;

    /// <summary>It waits for delivery (with KVM_CAP_EXCEPTION_PAYLOAD).</summary>
    [CName("exception.pending")]
    [FieldOffset(3)]
    public byte ExceptionPending;

    /// <summary>The error code.</summary>
    [CName("exception.error_code")]
    [FieldOffset(4)]
    public uint ExceptionErrorCode;

    /// <summary>An interrupt is being delivered.</summary>
    [CName("interrupt.injected")]
    [FieldOffset(8)]
    public byte InterruptInjected;

    /// <summary>Its vector.</summary>
    [CName("interrupt.nr")]
    [FieldOffset(9)]
    public byte InterruptNr;

    /// <summary>It came from an INT instruction.</summary>
    [CName("interrupt.soft")]
    [FieldOffset(10)]
    public byte InterruptSoft;

    /// <summary>Interrupt shadow: 1 after MOV SS, 2 after STI.</summary>
    [CName("interrupt.shadow")]
    [FieldOffset(11)]
    public byte InterruptShadow;

    /// <summary>An NMI is being delivered.</summary>
    [CName("nmi.injected")]
    [FieldOffset(12)]
    public byte NmiInjected;

    /// <summary>NMIs that wait.</summary>
    [CName("nmi.pending")]
    [FieldOffset(13)]
    public byte NmiPending;

    /// <summary>NMIs are masked.</summary>
    [CName("nmi.masked")]
    [FieldOffset(14)]
    public byte NmiMasked;

    /// <summary>Vector of a start-up IPI.</summary>
    [FieldOffset(16)]
    public uint SipiVector;

    /// <summary>See <see cref="KvmVcpuEventFlags"/>: which parts count on KVM_SET_VCPU_EVENTS.</summary>
    [FieldOffset(20)]
    public uint Flags;

    /// <summary>The vCPU is in system management mode.</summary>
    [CName("smi.smm")]
    [FieldOffset(24)]
    public byte SmiSmm;

    /// <summary>An SMI waits.</summary>
    [CName("smi.pending")]
    [FieldOffset(25)]
    public byte SmiPending;

    /// <summary>The SMI interrupted an NMI handler.</summary>
    [CName("smi.smm_inside_nmi")]
    [FieldOffset(26)]
    public byte SmiSmmInsideNmi;

    /// <summary>An INIT waits for the end of system management mode.</summary>
    [CName("smi.latched_init")]
    [FieldOffset(27)]
    public byte SmiLatchedInit;

    /// <summary>A triple fault waits.</summary>
    [CName("triple_fault.pending")]
    [FieldOffset(28)]
    public byte TripleFaultPending;

    /// <summary><see cref="ExceptionPayload"/> counts.</summary>
    [FieldOffset(55)]
    public byte ExceptionHasPayload;

    /// <summary>CR2 or DR6 value that goes with the exception.</summary>
    [FieldOffset(56)]
    public ulong ExceptionPayload;
}
