namespace KvmSevVmm.Vmm.Acpi;

/// <summary>The table that describes the devices, and what powers the machine off.</summary>
internal static class Dsdt
{
    private const byte Revision = 2;

    /// <summary>The notification of a pressed button.</summary>
    private const ulong StatusChanged = 0x80;

    /// <summary>Makes the table.</summary>
    /// <param name="devices">What is in it.</param>
    internal static byte[] Create(IReadOnlyList<AcpiDevice> devices)
    {
        AmlWriter aml = new();
        aml.Scope("_SB_", scope =>
        {
            foreach (AcpiDevice device in devices)
            {
                Write(scope, device);
            }
        });

        // Soft off: the value for the sleep control register; the others belong to hardware that is not here.
        aml.Name("_S5_");
        aml.IntegerPackage(SleepType.SoftOff, 0, 0, 0);
        return AcpiTable.Create("DSDT", Revision, aml.Written);
    }

    private static void Write(AmlWriter scope, AcpiDevice device) => scope.Device(device.Name, body =>
    {
        body.Name("_HID");
        body.HardwareId(device.HardwareId);
        if (device.UniqueId is uint uniqueId)
        {
            body.Name("_UID");
            body.Integer(uniqueId);
        }

        if (device.IsCacheCoherent is bool isCoherent)
        {
            body.Name("_CCA");
            body.Integer(isCoherent ? 1UL : 0);
        }

        if (device.Resources.Count > 0)
        {
            body.Name("_CRS");
            body.Buffer(ResourceTemplate.Encode(device.Resources));
        }

        if (device.NotifiedDevice is string notified)
        {
            body.Method("_EVT", 1, method => method.Notify(notified, StatusChanged));
        }
    });
}
