using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>The page that the kernel and the monitor share for one vCPU (mmap of the vCPU, KVM_RUN).</summary>
/// <remarks>Every exit's data share the bytes from offset 32 on: read only the member that <see cref="ExitReason"/> names.</remarks>
[CName("struct kvm_run")]
[StructLayout(LayoutKind.Explicit, Size = 2352)]
public struct KvmRun
{
    /// <summary>In: nonzero makes KVM_RUN return when the guest can take an interrupt.</summary>
    [FieldOffset(0)]
    public byte RequestInterruptWindow;

    /// <summary>In: nonzero makes KVM_RUN return EINTR at once.</summary>
    [FieldOffset(1)]
    public byte ImmediateExit;

    /// <summary>Out: a <see cref="VcpuExitReason"/>.</summary>
    [FieldOffset(8)]
    public uint ExitReason;

    /// <summary>Out: the guest can take an interrupt.</summary>
    [FieldOffset(12)]
    public byte ReadyForInterruptInjection;

    /// <summary>Out: RFLAGS.IF; reads zero for a SEV-ES guest.</summary>
    [FieldOffset(13)]
    public byte IfFlag;

    /// <summary>Out: see <see cref="KvmRunFlags"/>.</summary>
    [FieldOffset(14)]
    public ushort Flags;

    /// <summary>In and out: the task priority, without an in-kernel APIC.</summary>
    [FieldOffset(16)]
    public ulong Cr8;

    /// <summary>In and out: IA32_APIC_BASE, without an in-kernel APIC.</summary>
    [FieldOffset(24)]
    public ulong ApicBase;

    /// <summary>Valid for <see cref="VcpuExitReason.Unknown"/>.</summary>
    [FieldOffset(32)]
    public KvmRunHw Hw;

    /// <summary>Valid for <see cref="VcpuExitReason.FailEntry"/>.</summary>
    [FieldOffset(32)]
    public KvmRunFailEntry FailEntry;

    /// <summary>Valid for <see cref="VcpuExitReason.Exception"/>.</summary>
    [FieldOffset(32)]
    public KvmRunEx Ex;

    /// <summary>Valid for <see cref="VcpuExitReason.Io"/>.</summary>
    [FieldOffset(32)]
    public KvmRunIo Io;

    /// <summary>Valid for <see cref="VcpuExitReason.Debug"/>.</summary>
    [FieldOffset(32)]
    public KvmRunDebug Debug;

    /// <summary>Valid for <see cref="VcpuExitReason.Mmio"/>.</summary>
    [FieldOffset(32)]
    public KvmRunMmio Mmio;

    /// <summary>Valid for <see cref="VcpuExitReason.Hypercall"/>.</summary>
    [FieldOffset(32)]
    public KvmRunHypercall Hypercall;

    /// <summary>Valid for <see cref="VcpuExitReason.TprAccess"/>.</summary>
    [FieldOffset(32)]
    public KvmRunTprAccess TprAccess;

    /// <summary>Valid for <see cref="VcpuExitReason.InternalError"/>.</summary>
    [CName("internal")]
    [FieldOffset(32)]
    public KvmRunInternalError InternalError;

    /// <summary>Valid for <see cref="VcpuExitReason.InternalError"/>. The suberror is <see cref="KvmInternalError.Emulation"/>.</summary>
    [FieldOffset(32)]
    public KvmRunEmulationFailure EmulationFailure;

    /// <summary>Valid for <see cref="VcpuExitReason.SystemEvent"/>.</summary>
    [FieldOffset(32)]
    public KvmRunSystemEvent SystemEvent;

    /// <summary>Valid for <see cref="VcpuExitReason.IoapicEoi"/>.</summary>
    [FieldOffset(32)]
    public KvmRunEoi Eoi;

    /// <summary>Valid for <see cref="VcpuExitReason.Hyperv"/>.</summary>
    [FieldOffset(32)]
    public KvmHypervExit Hyperv;

    /// <summary>Valid for <see cref="VcpuExitReason.X86Rdmsr"/>. Also for <see cref="VcpuExitReason.X86Wrmsr"/>.</summary>
    [FieldOffset(32)]
    public KvmRunMsr Msr;

    /// <summary>Valid for <see cref="VcpuExitReason.Xen"/>.</summary>
    [FieldOffset(32)]
    public KvmXenExit Xen;

    /// <summary>Valid for <see cref="VcpuExitReason.Notify"/>.</summary>
    [FieldOffset(32)]
    public KvmRunNotify Notify;

    /// <summary>Valid for <see cref="VcpuExitReason.MemoryFault"/>.</summary>
    [FieldOffset(32)]
    public KvmRunMemoryFault MemoryFault;

    /// <summary>Valid for <see cref="VcpuExitReason.Tdx"/>.</summary>
    [FieldOffset(32)]
    public KvmRunTdx Tdx;

    /// <summary>Valid for <see cref="VcpuExitReason.SnpReqCerts"/>.</summary>
    [FieldOffset(32)]
    public KvmExitSnpReqCerts SnpReqCerts;

    /// <summary>Register sets that the kernel writes to <see cref="SyncRegs"/>.</summary>
    [FieldOffset(288)]
    public ulong KvmValidRegs;

    /// <summary>Register sets that the monitor changed in <see cref="SyncRegs"/>.</summary>
    [FieldOffset(296)]
    public ulong KvmDirtyRegs;

    /// <summary>Registers, with KVM_CAP_SYNC_REGS.</summary>
    [CName("s.regs")]
    [FieldOffset(304)]
    public KvmSyncRegs SyncRegs;
}
