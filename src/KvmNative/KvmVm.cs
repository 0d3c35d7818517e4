using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>One virtual machine of the kernel: its memory slots, interrupt controllers, capabilities and vCPUs.</summary>
/// <remarks>The kernel frees the machine when this object and all its vCPUs, irqfds and guest_memfds are closed.</remarks>
public sealed partial class KvmVm : IDisposable
{
    private readonly FdHandle _fd;
    private readonly int _vcpuMmapSize;

    internal KvmVm(FdHandle fd, KvmVmType type, int vcpuMmapSize)
    {
        _fd = fd;
        _vcpuMmapSize = vcpuMmapSize;
        Type = type;
    }

    /// <summary>The type the machine was created with.</summary>
    public KvmVmType Type { get; }

    /// <summary>The number of the machine's descriptor, for capabilities that name another machine.</summary>
    /// <exception cref="ObjectDisposedException">The machine is closed.</exception>
    public int Descriptor => _fd.Descriptor;

    /// <summary>What the kernel offers of a capability to this machine.</summary>
    /// <param name="cap">The capability.</param>
    /// <returns>0 if it is not there; 1 or a capability's own value if it is.</returns>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public int CheckExtension(KvmCap cap) => Ioctl.Call(_fd, IoctlNumbers.CheckExtension, (nuint)cap);

    /// <summary>Switches a capability on, or configures it.</summary>
    /// <param name="cap">The capability.</param>
    /// <param name="arg0">Its first argument, usually a bitmask.</param>
    /// <param name="arg1">Its second argument.</param>
    /// <param name="flags">Must be 0 for every capability that Linux has so far.</param>
    /// <exception cref="KvmException">EINVAL: the kernel does not know the capability, or refuses an argument.</exception>
    public void EnableCap(KvmCap cap, ulong arg0 = 0, ulong arg1 = 0, uint flags = 0)
    {
        KvmEnableCap argument = new() { Cap = (uint)cap, Flags = flags };
        argument.Args[0] = arg0;
        argument.Args[1] = arg1;
        Ioctl.EnableCap(_fd, ref argument);
    }

    /// <summary>Creates a vCPU. Give it CPUID, registers and MSRs before it runs.</summary>
    /// <param name="id">Its number and local APIC id; below the capability MaxVcpuId.</param>
    /// <exception cref="KvmException">EEXIST: the id is taken; EINVAL: it is too large.</exception>
    public KvmVcpu CreateVcpu(uint id)
    {
        int xsaveLength = Math.Max(CheckExtension(KvmCap.Xsave2), KvmVcpu.LegacyXsaveLength);
        VcpuHandle handle = new(Ioctl.Call(_fd, IoctlNumbers.CreateVcpu, id));
        try
        {
            handle.Map(_vcpuMmapSize);
            return new KvmVcpu(handle, id, xsaveLength);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Reads the machine's clock (kvm-clock).</summary>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public KvmClockData GetClock() => Ioctl.Get<KvmClockData>(_fd, IoctlNumbers.GetClock);

    /// <summary>Sets the machine's clock.</summary>
    /// <param name="clock">The time in nanoseconds, and flags of KVM_CAP_ADJUST_CLOCK.</param>
    /// <exception cref="KvmException">The ioctl failed.</exception>
    public void SetClock(in KvmClockData clock) => Ioctl.Set(_fd, IoctlNumbers.SetClock, in clock);

    /// <summary>Chooses which MSRs exit to user space instead of being handled by KVM.</summary>
    /// <param name="defaultFlags">0 allows what no range names (KVM_MSR_FILTER_DEFAULT_ALLOW), 1 denies it.</param>
    /// <param name="ranges">At most 16 ranges; none together with <paramref name="defaultFlags"/> 0 removes the filter.</param>
    /// <exception cref="ArgumentException">Too many ranges, or a bitmap does not fit its range.</exception>
    /// <exception cref="KvmException">EINVAL: the kernel refuses a range.</exception>
    public unsafe void SetMsrFilter(uint defaultFlags, ReadOnlySpan<MsrFilterRange> ranges)
    {
        KvmMsrFilter filter = default;
        filter.Flags = defaultFlags;
        Span<KvmMsrFilterRange> slots = filter.Ranges;
        if (ranges.Length > slots.Length)
        {
            throw new ArgumentException($"The kernel takes {slots.Length} ranges, not {ranges.Length}.", nameof(ranges));
        }

        nuint total = 0;
        foreach (MsrFilterRange range in ranges)
        {
            range.Validate();
            total += (nuint)range.Bitmap.Length;
        }

        byte* bitmaps = (byte*)NativeMemory.Alloc(total);
        try
        {
            byte* next = bitmaps;
            for (int i = 0; i < ranges.Length; i++)
            {
                MsrFilterRange range = ranges[i];

                // SAFETY: the block is as large as all bitmaps together, and they are laid end to end. The kernel reads
                // (MsrCount + 7) / 8 bytes rounded up to 8 of each; Validate demanded exactly that length.
                range.Bitmap.Span.CopyTo(new Span<byte>(next, range.Bitmap.Length));
                slots[i].Flags = range.Flags;
                slots[i].Nmsrs = range.MsrCount;
                slots[i].Base = range.FirstMsr;
                slots[i].Bitmap = (ulong)next;
                next += range.Bitmap.Length;
            }

            _ = Ioctl.Exchange(_fd, IoctlNumbers.X86SetMsrFilter, ref filter);
        }
        finally
        {
            NativeMemory.Free(bitmaps);
        }
    }

    /// <summary>Closes the machine's descriptor.</summary>
    public void Dispose() => _fd.Dispose();
}
