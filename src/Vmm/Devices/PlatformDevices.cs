using KvmSevVmm.Vmm.Acpi;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>The devices that every machine has, as ACPI describes them.</summary>
internal static class PlatformDevices
{
    /// <summary>The device that is notified when the power button is pressed.</summary>
    private const string PowerButtonName = "PWRB";

    /// <summary>The descriptions.</summary>
    internal static IReadOnlyList<AcpiDevice> All { get; } =
    [
        new("COM1", "PNP0501")
        {
            UniqueId = 1,
            Resources =
            [
                new AcpiResource.Ports(Serial16550.Com1Port, Serial16550.WindowLength),
                new AcpiResource.Interrupt(Serial16550.Com1Irq, InterruptTrigger.Edge),
            ],
        },
        new("PS2K", "PNP0303")
        {
            Resources =
            [
                new AcpiResource.Ports(I8042.DataPort, 1),
                new AcpiResource.Ports(I8042.CommandPort, 1),
                new AcpiResource.Interrupt(I8042.KeyboardIrq, InterruptTrigger.Edge),
            ],
        },

        // Without an interrupt: the clock raises none.
        new("RTC0", "PNP0B00") { Resources = [new AcpiResource.Ports(CmosRtc.Port, CmosRtc.WindowLength)] },
        new(PowerButtonName, "PNP0C0C"),
        new("GED0", "ACPI0013")
        {
            UniqueId = 0,
            Resources = [new AcpiResource.Interrupt(PowerButton.Gsi, InterruptTrigger.Edge)],
            NotifiedDevice = PowerButtonName,
        },
        new("PEVT", "QEMU0001") { Resources = [new AcpiResource.Ports(PanicPort.Port, 1)] },
    ];
}
