using KvmSevVmm.Vmm.Acpi;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>Which devices a machine has and where: decided from its configuration alone, before anything is opened or made.</summary>
/// <remarks>
/// The guest learns of its devices from ACPI tables, which a launch measures; so whoever repeats the measurement repeats this plan. A new
/// kind of device gets its window and its interrupt here, in the order of the configuration, and is attached to the buses later.
/// </remarks>
public sealed class DevicePlan
{
    private DevicePlan(IReadOnlyList<AcpiDevice> acpiDevices)
    {
        AcpiDevices = acpiDevices;
    }

    /// <summary>Every device that the guest finds through ACPI, in the order of the DSDT.</summary>
    public IReadOnlyList<AcpiDevice> AcpiDevices { get; }

    /// <summary>Plans a machine's devices.</summary>
    /// <param name="config">The machine.</param>
    /// <exception cref="InvalidInputException">There are more devices than addresses or interrupts.</exception>
    public static DevicePlan Create(VmConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        List<AcpiDevice> devices = [.. PlatformDevices.All];
        return new DevicePlan(devices);
    }
}
