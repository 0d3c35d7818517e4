using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>One virtual processor. One thread runs it; its state may be read and set while it does not run.</summary>
/// <remarks>Dispose it after its thread has ended: <see cref="VcpuExit"/> looks into memory that goes with it.</remarks>
public sealed unsafe partial class KvmVcpu : IDisposable
{
    private readonly VcpuHandle _handle;
    private readonly nuint _runRequest = IoctlNumbers.Run;

    internal KvmVcpu(VcpuHandle handle, uint id, int xsaveLength)
    {
        _handle = handle;
        Id = id;
        XsaveLength = xsaveLength;
    }

    /// <summary>The number it was created with.</summary>
    public uint Id { get; }

    /// <summary>The file descriptor, for a benchmark that lets C run the vCPU.</summary>
    internal int Descriptor => _handle.RawDescriptor;

    /// <summary>Where <c>struct kvm_run</c> is mapped, for the same.</summary>
    internal nint RunAddress => (nint)_handle.Run;

    /// <summary>What a kick needs: the descriptor and the shared memory.</summary>
    internal VcpuHandle Handle => _handle;

    /// <summary>Runs the guest until it needs something. Completes the previous exit first. Allocates nothing.</summary>
    /// <returns>The exit; <see cref="VcpuExitReason.Interrupted"/> after a signal, a kick or while the vCPU waits to be started.</returns>
    /// <exception cref="KvmException">The kernel could not run the vCPU.</exception>
    /// <exception cref="ObjectDisposedException">The vCPU is closed.</exception>
    public VcpuExit Run()
    {
        VcpuHandle handle = _handle;
        bool added = false;
        try
        {
            // The reference keeps descriptor and memory through the call, should another thread dispose the vCPU meanwhile.
            handle.DangerousAddRef(ref added);
            int result = LibC.IoctlRaw(handle.RawDescriptor, _runRequest, 0);

            // SAFETY: the memory stays mapped while the reference is held, and afterwards until Dispose, which the owner calls
            // only after this thread has ended. RunLength bytes are mapped from there on.
            ref KvmRun run = ref *handle.Run;
            VcpuExitReason reason = result == 0 ? (VcpuExitReason)run.ExitReason : Classify(ref run, Marshal.GetLastPInvokeError());
            return new VcpuExit(ref run, handle.RunLength, reason);
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <summary>Completes the previous exit without entering the guest, as must be done before state is saved.</summary>
    /// <returns>
    /// <see cref="VcpuExitReason.Interrupted"/> when all is complete; otherwise the next piece of an access that takes several,
    /// to be answered before this is called again.
    /// </returns>
    /// <exception cref="KvmException">The kernel refused.</exception>
    /// <remarks>On the vCPU's own thread. A kick that arrives meanwhile is not lost: its signal stays pending.</remarks>
    public VcpuExit CompleteExit()
    {
        SetImmediateExit(true);
        try
        {
            return Run();
        }
        finally
        {
            SetImmediateExit(false);
        }
    }

    /// <summary>Chooses the signals that stay blocked while the guest runs, in place of the thread's own mask.</summary>
    /// <param name="blocked">Bit n - 1 stands for signal n.</param>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public void SetSignalMask(ulong blocked)
    {
        using VariableArray<KvmSignalMask, byte> argument = new(sizeof(ulong));
        argument.Header.Len = sizeof(ulong);
        _ = MemoryMarshal.TryWrite(argument.Entries, in blocked);
        _ = Ioctl.Call(_handle, IoctlNumbers.SetSignalMask, argument.Address);
    }

    /// <summary>Switches a capability of this vCPU on.</summary>
    /// <param name="cap">The capability.</param>
    /// <param name="arg0">Its first argument.</param>
    /// <param name="arg1">Its second argument.</param>
    /// <param name="flags">Must be 0 for every capability that Linux has so far.</param>
    /// <exception cref="KvmException">EINVAL: the kernel does not know the capability, or refuses an argument.</exception>
    public void EnableCap(KvmCap cap, ulong arg0 = 0, ulong arg1 = 0, uint flags = 0)
    {
        KvmEnableCap argument = new() { Cap = (uint)cap, Flags = flags };
        argument.Args[0] = arg0;
        argument.Args[1] = arg1;
        Ioctl.EnableCap(_handle, ref argument);
    }

    /// <summary>Queues a non-maskable interrupt.</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public void Nmi() => Ioctl.Call(_handle, IoctlNumbers.Nmi);

    /// <summary>Walks the guest's page tables as the guest itself would now.</summary>
    /// <param name="linearAddress">A guest virtual address.</param>
    /// <param name="physicalAddress">The guest physical address behind it, or 0.</param>
    /// <returns>Whether the address is mapped.</returns>
    /// <exception cref="KvmException">EINVAL: the guest's state is protected.</exception>
    public bool TryTranslate(ulong linearAddress, out ulong physicalAddress)
    {
        KvmTranslation argument = new() { LinearAddress = linearAddress };
        _ = Ioctl.Exchange(_handle, IoctlNumbers.Translate, ref argument);
        bool isMapped = argument.Valid != 0;
        physicalAddress = isMapped ? argument.PhysicalAddress : 0;
        return isMapped;
    }

    /// <summary>Maps guest memory before the guest touches it.</summary>
    /// <param name="gpa">The first byte; a multiple of the page size.</param>
    /// <param name="size">Bytes; a multiple of the page size.</param>
    /// <exception cref="KvmException">ENOENT: no memory slot; EOPNOTSUPP: not for this guest; ENOTTY before Linux 6.11.</exception>
    public void PreFaultMemory(ulong gpa, ulong size)
    {
        // The kernel advances address and size, so a call that stops half-way goes on where it stopped.
        KvmPreFaultMemory argument = new() { Gpa = gpa, Size = size };
        while (argument.Size != 0)
        {
            int errno = Ioctl.TryExchange(_handle, IoctlNumbers.PreFaultMemory, ref argument);
            if (errno is not (0 or (int)Errno.EAGAIN))
            {
                throw KvmException.FromErrno("KVM_PRE_FAULT_MEMORY", errno);
            }
        }
    }

    /// <summary>Closes the vCPU and unmaps what it shares with the kernel. After its thread has ended.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Makes the next KVM_RUN return at once, or not.</summary>
    /// <param name="value">Whether it returns.</param>
    internal void SetImmediateExit(bool value)
    {
        bool added = false;
        try
        {
            _handle.DangerousAddRef(ref added);

            // SAFETY: the memory stays mapped while the reference is held; the kernel reads the byte at any time.
            Volatile.Write(ref _handle.Run->ImmediateExit, value ? (byte)1 : (byte)0);
        }
        finally
        {
            if (added)
            {
                _handle.DangerousRelease();
            }
        }
    }

    private static VcpuExitReason Classify(ref KvmRun run, int errno)
    {
        bool isMemoryFault = run.ExitReason == (uint)VcpuExitReason.MemoryFault;
        return errno switch
        {
            // EAGAIN: the vCPU of an application processor waits to be started.
            (int)Errno.EINTR or (int)Errno.EAGAIN => VcpuExitReason.Interrupted,
            (int)Errno.EFAULT or (int)Errno.EHWPOISON when isMemoryFault => VcpuExitReason.MemoryFault,
            _ => throw KvmException.FromErrno("KVM_RUN", errno),
        };
    }
}
