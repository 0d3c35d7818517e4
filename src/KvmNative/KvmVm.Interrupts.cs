using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <content>The kernel's interrupt controllers and timer, and the eventfds that stand for interrupts and doorbells.</content>
public sealed partial class KvmVm
{
    /// <summary>Creates both 8259 PICs, the I/O APIC and a local APIC for each vCPU. Before the first vCPU.</summary>
    /// <exception cref="Errors.KvmException">EEXIST: there already; EINVAL: a vCPU exists.</exception>
    public void CreateIrqChip() => Ioctl.Call(_fd, IoctlNumbers.CreateIrqchip);

    /// <summary>Creates the 8254 timer; needs the interrupt controllers.</summary>
    /// <param name="flags">KVM_PIT_SPEAKER_DUMMY (1) answers port 0x61 as well.</param>
    /// <exception cref="Errors.KvmException">ENOENT: there are no interrupt controllers; EEXIST: there already.</exception>
    public void CreatePit2(uint flags)
    {
        KvmPitConfig argument = new() { Flags = flags };
        Ioctl.Set(_fd, IoctlNumbers.CreatePit2, in argument);
    }

    /// <summary>Says what becomes of ticks of the 8254 timer that a slow guest has not taken yet (KVM_CAP_REINJECT_CONTROL).</summary>
    /// <param name="reinject">True, as KVM begins: they are delivered later, one after the other. False: they are lost.</param>
    /// <exception cref="Errors.KvmException">ENXIO: there is no timer.</exception>
    public void SetPitReinjection(bool reinject)
    {
        KvmReinjectControl argument = new() { PitReinject = reinject ? (byte)1 : (byte)0 };
        Ioctl.Set(_fd, IoctlNumbers.ReinjectControl, in argument);
    }

    /// <summary>Gives Intel processors three pages below 4 GiB that the guest must not use.</summary>
    /// <param name="address">The guest physical address of the first.</param>
    /// <exception cref="Errors.KvmException">EINVAL: beyond 4 GiB.</exception>
    public void SetTssAddr(ulong address) => Ioctl.Call(_fd, IoctlNumbers.SetTssAddr, (nuint)address);

    /// <summary>Gives Intel processors one page below 4 GiB that the guest must not use. Before the first vCPU.</summary>
    /// <param name="address">The guest physical address.</param>
    /// <exception cref="Errors.KvmException">EINVAL: a vCPU exists.</exception>
    public void SetIdentityMapAddr(ulong address) => Ioctl.Set(_fd, IoctlNumbers.SetIdentityMapAddr, in address);

    /// <summary>Sets the level of an interrupt line; an edge is two calls.</summary>
    /// <param name="gsi">The line: 0 to 23 with the standard routing.</param>
    /// <param name="level">Whether the line is asserted.</param>
    /// <exception cref="Errors.KvmException">ENXIO: there are no interrupt controllers.</exception>
    public void SetIrqLine(uint gsi, bool level)
    {
        KvmIrqLevel argument = new() { Irq = gsi, Level = level ? 1u : 0u };
        Ioctl.Set(_fd, IoctlNumbers.IrqLine, in argument);
    }

    /// <summary>Makes each signal of an eventfd an interrupt.</summary>
    /// <param name="fd">The eventfd; the kernel keeps it as long as it is assigned.</param>
    /// <param name="gsi">The line that is pulsed, or, with <paramref name="resample"/>, held.</param>
    /// <param name="resample">For a level-triggered line: signalled when the guest acknowledges, which also lowers the line.</param>
    /// <exception cref="Errors.KvmException">EBUSY: the eventfd is assigned already; EINVAL: no interrupt controllers.</exception>
    public void AssignIrqFd(EventFd fd, uint gsi, EventFd? resample = null)
    {
        uint flags = resample is null ? 0 : (uint)KvmIrqfdFlags.Resample;
        SetIrqFd(fd, gsi, flags, resample);
    }

    /// <summary>Ends what <see cref="AssignIrqFd"/> began.</summary>
    /// <param name="fd">The eventfd.</param>
    /// <param name="gsi">The line it was assigned to.</param>
    /// <exception cref="Errors.KvmException">The ioctl failed.</exception>
    public void DeassignIrqFd(EventFd fd, uint gsi) => SetIrqFd(fd, gsi, (uint)KvmIrqfdFlags.Deassign, null);

    /// <summary>Makes a guest's write signal an eventfd, without an exit. The written value is lost.</summary>
    /// <param name="fd">The eventfd; the kernel keeps it as long as it is assigned.</param>
    /// <param name="address">The port, or the guest physical address.</param>
    /// <param name="length">The width in bytes that matches: 1, 2, 4 or 8; 0 matches any.</param>
    /// <param name="isPio">Whether <paramref name="address"/> is a port.</param>
    /// <param name="datamatch">The only value that matches; null takes every one. Not with length 0.</param>
    /// <exception cref="Errors.KvmException">EEXIST: it overlaps another one; EINVAL: a bad length.</exception>
    public void AssignIoEventFd(EventFd fd, ulong address, uint length, bool isPio, ulong? datamatch = null) =>
        SetIoEventFd(fd, address, length, isPio, datamatch, 0);

    /// <summary>Ends what <see cref="AssignIoEventFd"/> began; every argument must be the same.</summary>
    /// <param name="fd">The eventfd.</param>
    /// <param name="address">The port, or the guest physical address.</param>
    /// <param name="length">The width in bytes.</param>
    /// <param name="isPio">Whether <paramref name="address"/> is a port.</param>
    /// <param name="datamatch">The only value that matches, or null.</param>
    /// <exception cref="Errors.KvmException">ENOENT: it was not assigned.</exception>
    public void DeassignIoEventFd(EventFd fd, ulong address, uint length, bool isPio, ulong? datamatch = null) =>
        SetIoEventFd(fd, address, length, isPio, datamatch, (uint)KvmIoeventfdFlags.Deassign);

    /// <summary>Replaces the table of where each line's interrupts go.</summary>
    /// <param name="entries">The whole table.</param>
    /// <exception cref="Errors.KvmException">EINVAL: a bad entry.</exception>
    public void SetGsiRouting(ReadOnlySpan<KvmIrqRoutingEntry> entries)
    {
        using VariableArray<KvmIrqRouting, KvmIrqRoutingEntry> table = new(entries.Length);
        table.Header.Nr = (uint)entries.Length;
        entries.CopyTo(table.Entries);
        _ = Ioctl.Call(_fd, IoctlNumbers.SetGsiRouting, table.Address);
    }

    /// <summary>Sends a message-signalled interrupt.</summary>
    /// <param name="message">Address and data.</param>
    /// <returns>Whether a vCPU got it; false if the guest blocked it.</returns>
    /// <exception cref="Errors.KvmException">EINVAL: no interrupt controllers.</exception>
    public bool SignalMsi(in KvmMsi message)
    {
        KvmMsi copy = message;
        return Ioctl.Exchange(_fd, IoctlNumbers.SignalMsi, ref copy) > 0;
    }

    /// <summary>Reads an interrupt controller's state.</summary>
    /// <param name="chipId">0 the first PIC, 1 the second, 2 the I/O APIC.</param>
    /// <exception cref="Errors.KvmException">ENXIO: there are no interrupt controllers; EINVAL: no such chip.</exception>
    public KvmIrqchip GetIrqChip(uint chipId)
    {
        KvmIrqchip chip = new() { ChipId = chipId };
        _ = Ioctl.Exchange(_fd, IoctlNumbers.GetIrqchip, ref chip);
        return chip;
    }

    /// <summary>Sets an interrupt controller's state.</summary>
    /// <param name="chip">The state, with its chip's number.</param>
    /// <exception cref="Errors.KvmException">ENXIO: there are no interrupt controllers; EINVAL: no such chip.</exception>
    public void SetIrqChip(in KvmIrqchip chip) => Ioctl.Set(_fd, IoctlNumbers.SetIrqchip, in chip);

    /// <summary>Reads the timer's state.</summary>
    /// <exception cref="Errors.KvmException">ENXIO: there is no timer.</exception>
    public KvmPitState2 GetPit2() => Ioctl.Get<KvmPitState2>(_fd, IoctlNumbers.GetPit2);

    /// <summary>Sets the timer's state.</summary>
    /// <param name="state">The state.</param>
    /// <exception cref="Errors.KvmException">ENXIO: there is no timer.</exception>
    public void SetPit2(in KvmPitState2 state) => Ioctl.Set(_fd, IoctlNumbers.SetPit2, in state);

    private void SetIrqFd(EventFd fd, uint gsi, uint flags, EventFd? resample)
    {
        KvmIrqfd argument = new()
        {
            Fd = (uint)fd.Descriptor,
            Gsi = gsi,
            Flags = flags,
            Resamplefd = (uint)(resample?.Descriptor ?? 0),
        };
        Ioctl.Set(_fd, IoctlNumbers.Irqfd, in argument);
        GC.KeepAlive(fd);
        GC.KeepAlive(resample);
    }

    private void SetIoEventFd(EventFd fd, ulong address, uint length, bool isPio, ulong? datamatch, uint flags)
    {
        flags |= isPio ? (uint)KvmIoeventfdFlags.Pio : 0;
        flags |= datamatch is null ? 0 : (uint)KvmIoeventfdFlags.Datamatch;
        KvmIoeventfd argument = new()
        {
            Datamatch = datamatch ?? 0,
            Addr = address,
            Len = length,
            Fd = fd.Descriptor,
            Flags = flags,
        };
        Ioctl.Set(_fd, IoctlNumbers.Ioeventfd, in argument);
        GC.KeepAlive(fd);
    }
}
