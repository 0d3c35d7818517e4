namespace KvmSevVmm.Vmm.Acpi;

/// <summary>A device that the guest finds through the DSDT.</summary>
/// <param name="Name">Its name in the namespace: four characters, A to Z first, then also 0 to 9 and _; <c>VIO0</c>.</param>
/// <param name="HardwareId">The _HID: seven characters are packed as an EISA id (<c>PNP0501</c>), others are kept as text
/// (<c>LNRO0005</c>).</param>
public sealed record AcpiDevice(string Name, string HardwareId)
{
    /// <summary>The _UID, which tells devices of one _HID apart; null for none.</summary>
    public uint? UniqueId { get; init; }

    /// <summary>The _CCA: whether the device's accesses to memory are coherent with the caches; null to say nothing.</summary>
    public bool? IsCacheCoherent { get; init; }

    /// <summary>The _CRS: what the device occupies, in the order in which its driver looks for it.</summary>
    public IReadOnlyList<AcpiResource> Resources { get; init; } = [];

    /// <summary>A device that is notified when the first of its interrupts comes (a generic event device's _EVT); null for none.</summary>
    public string? NotifiedDevice { get; init; }
}
