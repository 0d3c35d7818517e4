using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Where one virtio device is: its registers and its interrupt.</summary>
/// <param name="Name">What logs and results call it: <c>disk0</c>.</param>
/// <param name="Window">Its registers.</param>
/// <param name="Gsi">Its global system interrupt.</param>
public sealed record VirtioPlacement(string Name, GpaRange Window, uint Gsi)
{
    /// <summary>What Linux' virtio-mmio driver looks for.</summary>
    private const string HardwareId = "LNRO0005";

    /// <summary>Describes the device for the DSDT.</summary>
    /// <param name="index">Which virtio device of the machine it is.</param>
    internal AcpiDevice Describe(int index) => new($"VR{index:X2}", HardwareId)
    {
        UniqueId = (uint)index,
        IsCacheCoherent = true,
        Resources = [new AcpiResource.Registers(Window), new AcpiResource.Interrupt(Gsi, InterruptTrigger.Edge)],
    };
}
