using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Tests.Acpi;

/// <summary>Machines whose tables the tests look at.</summary>
internal static class AcpiSamples
{
    /// <summary>Where a direct boot puts the tables.</summary>
    internal const ulong Address = GuestLayout.AcpiTablesAddress;

    /// <summary>The devices that each machine has.</summary>
    internal static IReadOnlyList<AcpiDevice> Platform =>
        DevicePlan.Create(new VmConfig { Boot = new BootConfig("vmlinuz", null, string.Empty) }).AcpiDevices;

    /// <summary>A virtio-mmio device as Linux looks for it.</summary>
    internal static AcpiDevice VirtioMmio(uint index, GpaRange window, uint gsi, InterruptTrigger trigger) =>
        new($"VR{index:D2}", "LNRO0005")
        {
            UniqueId = index,
            IsCacheCoherent = true,
            Resources = [new AcpiResource.Registers(window), new AcpiResource.Interrupt(gsi, trigger)],
        };

    /// <summary>The platform's devices and as many others as there are interrupts for.</summary>
    internal static IReadOnlyList<AcpiDevice> Crowded()
    {
        DeviceSpace space = new();
        List<AcpiDevice> devices = [.. Platform];
        for (uint i = 0; i < 18; i++)
        {
            InterruptTrigger trigger = i % 2 == 0 ? InterruptTrigger.Edge : InterruptTrigger.Level;
            devices.Add(VirtioMmio(i, space.AllocateWindow(0x200), space.AllocateGsi(), trigger));
        }

        return devices;
    }

    /// <summary>The tables at their place.</summary>
    internal static byte[] Place(int vcpuCount, IReadOnlyList<AcpiDevice> devices) => AcpiTables.Create(vcpuCount, devices).Place(Address);
}
