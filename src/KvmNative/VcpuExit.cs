using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.KvmNative;

/// <summary>Why KVM_RUN returned, decoded in place: what is written here, the kernel reads at the next run.</summary>
/// <remarks>Valid until the vCPU runs again or is disposed. A member throws if <see cref="Reason"/> is not the one it belongs to.</remarks>
public readonly ref struct VcpuExit
{
    private readonly ref KvmRun _run;
    private readonly int _length;

    /// <summary>Makes the view.</summary>
    /// <param name="run">The start of the memory shared with the kernel.</param>
    /// <param name="length">The size of that memory in bytes.</param>
    /// <param name="reason">Why the run ended.</param>
    internal VcpuExit(ref KvmRun run, int length, VcpuExitReason reason)
    {
        _run = ref run;
        _length = length;
        Reason = reason;
    }

    /// <summary>Why the vCPU came out.</summary>
    public VcpuExitReason Reason { get; }

    /// <summary>What the guest was doing: in SMM, took a bus lock, ran a guest of its own.</summary>
    public KvmRunFlags Flags => (KvmRunFlags)_run.Flags;

    /// <summary>Whether the guest's interrupt flag is set. Not for guests with protected state.</summary>
    public bool IsInterruptFlagSet => _run.IfFlag != 0;

    /// <summary>Whether the vCPU would take an interrupt now; only without in-kernel interrupt controllers.</summary>
    public bool IsReadyForInterruptInjection => _run.ReadyForInterruptInjection != 0;

    /// <summary>The task priority register; the kernel takes it back at the next run.</summary>
    public ref ulong Cr8 => ref _run.Cr8;

    /// <summary>The local APIC's base address MSR.</summary>
    public ulong ApicBase => _run.ApicBase;

    /// <summary>What the processor reported, for <see cref="VcpuExitReason.Unknown"/>.</summary>
    public ref KvmRunHw Hw => ref Checked(ref _run.Hw, VcpuExitReason.Unknown);

    /// <summary>Why the processor refused the guest, for <see cref="VcpuExitReason.FailEntry"/>.</summary>
    public ref KvmRunFailEntry FailEntry => ref Checked(ref _run.FailEntry, VcpuExitReason.FailEntry);

    /// <summary>The exception, for <see cref="VcpuExitReason.Exception"/>.</summary>
    public ref KvmRunEx Exception => ref Checked(ref _run.Ex, VcpuExitReason.Exception);

    /// <summary>The port access, for <see cref="VcpuExitReason.Io"/>; its bytes are <see cref="Data"/>.</summary>
    public ref KvmRunIo Io => ref Checked(ref _run.Io, VcpuExitReason.Io);

    /// <summary>The breakpoint or step, for <see cref="VcpuExitReason.Debug"/>.</summary>
    public ref KvmRunDebug Debug => ref Checked(ref _run.Debug, VcpuExitReason.Debug);

    /// <summary>The memory access, for <see cref="VcpuExitReason.Mmio"/>; its bytes are <see cref="Data"/>.</summary>
    public ref KvmRunMmio Mmio => ref Checked(ref _run.Mmio, VcpuExitReason.Mmio);

    /// <summary>The call, for <see cref="VcpuExitReason.Hypercall"/>. Always write its result.</summary>
    public ref KvmRunHypercall Hypercall => ref Checked(ref _run.Hypercall, VcpuExitReason.Hypercall);

    /// <summary>The access to the task priority, for <see cref="VcpuExitReason.TprAccess"/>.</summary>
    public ref KvmRunTprAccess TprAccess => ref Checked(ref _run.TprAccess, VcpuExitReason.TprAccess);

    /// <summary>What KVM cannot do, for <see cref="VcpuExitReason.InternalError"/>.</summary>
    public ref KvmRunInternalError InternalError => ref Checked(ref _run.InternalError, VcpuExitReason.InternalError);

    /// <summary>The same for the sub-error "emulation", with the instruction's bytes.</summary>
    public ref KvmRunEmulationFailure EmulationFailure => ref Checked(ref _run.EmulationFailure, VcpuExitReason.InternalError);

    /// <summary>What the guest asked of the machine, for <see cref="VcpuExitReason.SystemEvent"/>.</summary>
    public ref KvmRunSystemEvent SystemEvent => ref Checked(ref _run.SystemEvent, VcpuExitReason.SystemEvent);

    /// <summary>The interrupt that ended, for <see cref="VcpuExitReason.IoapicEoi"/>.</summary>
    public ref KvmRunEoi Eoi => ref Checked(ref _run.Eoi, VcpuExitReason.IoapicEoi);

    /// <summary>The event, for <see cref="VcpuExitReason.Hyperv"/>.</summary>
    public ref KvmHypervExit Hyperv => ref Checked(ref _run.Hyperv, VcpuExitReason.Hyperv);

    /// <summary>The access to an MSR, for <see cref="VcpuExitReason.X86Rdmsr"/> and <see cref="VcpuExitReason.X86Wrmsr"/>.</summary>
    public ref KvmRunMsr Msr => ref Checked(
        ref _run.Msr, Reason == VcpuExitReason.X86Rdmsr ? VcpuExitReason.X86Rdmsr : VcpuExitReason.X86Wrmsr);

    /// <summary>The call, for <see cref="VcpuExitReason.Xen"/>.</summary>
    public ref KvmXenExit Xen => ref Checked(ref _run.Xen, VcpuExitReason.Xen);

    /// <summary>Why the processor could not take events, for <see cref="VcpuExitReason.Notify"/>.</summary>
    public ref KvmRunNotify Notify => ref Checked(ref _run.Notify, VcpuExitReason.Notify);

    /// <summary>The range and the wanted state, for <see cref="VcpuExitReason.MemoryFault"/>.</summary>
    public ref KvmRunMemoryFault MemoryFault => ref Checked(ref _run.MemoryFault, VcpuExitReason.MemoryFault);

    /// <summary>The call, for <see cref="VcpuExitReason.Tdx"/>.</summary>
    public ref KvmRunTdx Tdx => ref Checked(ref _run.Tdx, VcpuExitReason.Tdx);

    /// <summary>Where the certificates go, for <see cref="VcpuExitReason.SnpReqCerts"/>.</summary>
    public ref KvmExitSnpReqCerts SnpReqCerts => ref Checked(ref _run.SnpReqCerts, VcpuExitReason.SnpReqCerts);

    /// <summary>The bytes that a port or memory access carries: read them for a write, fill them for a read.</summary>
    /// <remarks>A string instruction makes Count pieces of Size bytes, one behind the other. A memory access has 1 to 8 bytes.</remarks>
    /// <exception cref="InvalidOperationException">The exit is no such access, or its bytes lie outside the shared memory.</exception>
    public Span<byte> Data => Reason switch
    {
        VcpuExitReason.Io => GetIoData(),
        VcpuExitReason.Mmio => GetMmioData(),
        _ => throw WrongReason(VcpuExitReason.Io),
    };

    private Span<byte> GetIoData()
    {
        ref KvmRunIo io = ref _run.Io;
        ulong length = (ulong)io.Size * io.Count;
        ulong offset = io.DataOffset;
        if (length > (ulong)_length || offset > (ulong)_length - length)
        {
            throw OutOfBounds(offset, length);
        }

        // SAFETY: offset + length <= _length, checked above without overflow, and _length bytes from _run on are mapped until the
        // vCPU is disposed, which its thread's owner does only after that thread has ended.
        ref byte first = ref Unsafe.AddByteOffset(ref Unsafe.As<KvmRun, byte>(ref _run), (nint)offset);
        return MemoryMarshal.CreateSpan(ref first, (int)length);
    }

    private Span<byte> GetMmioData()
    {
        ref KvmRunMmio mmio = ref _run.Mmio;
        uint length = mmio.Len;
        if (length > Bytes8.Length)
        {
            throw OutOfBounds(0, length);
        }

        // SAFETY: length <= 8, the size of the array that the span starts at; lifetime as above.
        return MemoryMarshal.CreateSpan(ref Unsafe.As<Bytes8, byte>(ref mmio.Data), (int)length);
    }

    private ref T Checked<T>(ref T member, VcpuExitReason reason)
    {
        if (Reason != reason)
        {
            throw WrongReason(reason);
        }

        return ref member;
    }

    private InvalidOperationException WrongReason(VcpuExitReason wanted) =>
        new($"The vCPU exited for {Reason}, not for {wanted}.");

    private InvalidOperationException OutOfBounds(ulong offset, ulong length) => new(
        $"The kernel reports {length} bytes of data at offset 0x{offset:x} of {_length} shared bytes.");
}
