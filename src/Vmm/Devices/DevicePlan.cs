using System.Globalization;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Devices.Virtio;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>Which devices a machine has and where: decided from its configuration alone, before anything is opened or made.</summary>
/// <remarks>
/// The guest learns of its devices from ACPI tables, which a launch measures; so whoever repeats the measurement repeats this plan. A new
/// kind of device gets its window and its interrupt here, in the order of the configuration, and is attached to the buses later.
/// </remarks>
public sealed class DevicePlan
{
    private DevicePlan(IReadOnlyList<AcpiDevice> acpiDevices, IReadOnlyList<VirtioPlacement> virtioDevices)
    {
        AcpiDevices = acpiDevices;
        VirtioDevices = virtioDevices;
    }

    /// <summary>Every device that the guest finds through ACPI, in the order of the DSDT.</summary>
    public IReadOnlyList<AcpiDevice> AcpiDevices { get; }

    /// <summary>The virtio devices: disks, network cards, the socket device, the entropy source, the console.</summary>
    public IReadOnlyList<VirtioPlacement> VirtioDevices { get; }

    /// <summary>Plans a machine's devices.</summary>
    /// <param name="config">The machine.</param>
    /// <exception cref="InvalidInputException">There are more devices than addresses or interrupts.</exception>
    public static DevicePlan Create(VmConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        List<AcpiDevice> devices = [.. PlatformDevices.All];
        List<VirtioPlacement> virtio = [];
        var space = new DeviceSpace();
        foreach (string name in NamesOfVirtioDevices(config))
        {
            var place = new VirtioPlacement(name, space.AllocateWindow(VirtioMmioTransport.WindowLength), space.AllocateGsi());
            devices.Add(place.Describe(virtio.Count));
            virtio.Add(place);
        }

        return new DevicePlan(devices, virtio);
    }

    private static IEnumerable<string> NamesOfVirtioDevices(VmConfig config)
    {
        for (int i = 0; i < config.Disks.Count; i++)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"disk{i}");
        }

        for (int i = 0; i < config.NetworkCards.Count; i++)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"net{i}");
        }

        if (config.Vsock is not null)
        {
            yield return "vsock";
        }

        if (config.HasRng)
        {
            yield return "rng";
        }

        if (config.HasConsole)
        {
            yield return "console";
        }
    }
}
