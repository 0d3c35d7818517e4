using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>An input of the in-kernel interrupt controllers.</summary>
public sealed class GsiLine : IInterruptLine
{
    private readonly KvmVm _vm;
    private readonly uint _gsi;

    /// <summary>Makes the line.</summary>
    /// <param name="vm">The VM, its irqchip created.</param>
    /// <param name="gsi">Global system interrupt number; below 16 it is the ISA interrupt of that number.</param>
    public GsiLine(KvmVm vm, uint gsi)
    {
        _vm = vm;
        _gsi = gsi;
    }

    /// <inheritdoc/>
    public void Set(bool isAsserted) => _vm.SetIrqLine(_gsi, isAsserted);
}
