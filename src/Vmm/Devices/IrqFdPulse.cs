using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>An input of the in-kernel I/O APIC that an irqfd pulses: one write(2), no ioctl and no vCPU thread involved.</summary>
public sealed class IrqFdPulse : IInterruptPulse, IDisposable
{
    private readonly EventFd _fd = EventFd.Create();

    /// <summary>Connects the line.</summary>
    /// <param name="vm">The VM, its interrupt controllers created.</param>
    /// <param name="gsi">Global system interrupt number.</param>
    public IrqFdPulse(KvmVm vm, uint gsi) => vm.AssignIrqFd(_fd, gsi);

    /// <inheritdoc/>
    public void Pulse() => _fd.Signal();

    /// <summary>Closes the eventfd, which also disconnects it from the line.</summary>
    public void Dispose() => _fd.Dispose();
}
