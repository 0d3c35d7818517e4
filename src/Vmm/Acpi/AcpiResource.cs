using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>Something that a device occupies, as its _CRS lists it.</summary>
/// <remarks>Source: ACPI 6.4, chapter 6.4, "Resource Data Types for ACPI".</remarks>
public abstract record AcpiResource
{
    private AcpiResource()
    {
    }

    /// <summary>Registers in memory: a Memory32Fixed descriptor.</summary>
    /// <param name="Window">Addresses below 4 GiB.</param>
    public sealed record Registers(GpaRange Window) : AcpiResource;

    /// <summary>I/O ports: an IO descriptor with 16-bit decoding.</summary>
    /// <param name="First">The first port.</param>
    /// <param name="Count">How many there are, 1 to 255.</param>
    public sealed record Ports(ushort First, byte Count) : AcpiResource;

    /// <summary>An interrupt of the device's own, active high: an extended interrupt descriptor.</summary>
    /// <param name="Gsi">Global system interrupt: the I/O APIC's input of that number.</param>
    /// <param name="Trigger">What on the line counts.</param>
    public sealed record Interrupt(uint Gsi, InterruptTrigger Trigger) : AcpiResource;
}
