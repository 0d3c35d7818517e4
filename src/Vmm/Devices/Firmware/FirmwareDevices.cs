using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>The devices that a machine has for its firmware alone.</summary>
internal sealed class FirmwareDevices : IDisposable
{
    private readonly FwCfgItems _items;
    private readonly FwCfgDevice _fwCfg;

    private FirmwareDevices(FwCfgItems items, FwCfgDevice fwCfg)
    {
        _items = items;
        _fwCfg = fwCfg;
    }

    /// <summary>Makes the devices, and opens what the firmware will be handed.</summary>
    /// <param name="config">The machine.</param>
    /// <param name="memory">Its RAM.</param>
    /// <param name="acpi">Its ACPI tables.</param>
    /// <param name="tracker">What the guest has said of its pages.</param>
    /// <param name="log">For what the guest does wrong.</param>
    /// <exception cref="InvalidInputException">The kernel is too short to be one.</exception>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    internal static FirmwareDevices Create(
        VmConfig config, GuestMemory memory, AcpiTables acpi, SharedRegionTracker tracker, BoundedLog log)
    {
        FwCfgItems items = FwCfgItems.Create(config.Boot, config.VcpuCount, memory.Layout, acpi);
        bool isSnp = config.Sev.Mode == SevMode.SevSnp;
        return new FirmwareDevices(items, new FwCfgDevice(items, memory, range => MayAccess(tracker, range, isSnp), log));
    }

    /// <summary>Puts the devices on the ports.</summary>
    /// <param name="ports">The bus.</param>
    /// <param name="reset">The reset control register, whose ports PCI configuration shares.</param>
    /// <param name="machine">Asked to stop when the firmware switches the machine off.</param>
    internal void Attach(IoBus ports, ResetPort reset, IMachineControl machine)
    {
        ports.Register(ResetPort.Port, ResetPort.WindowLength, new PciConfigPort(reset), "pci-config");
        ports.Register(FwCfgDevice.Port, FwCfgDevice.WindowLength, _fwCfg, "fw-cfg");
        ports.Register(
            PowerManagementBlock.Port,
            PowerManagementBlock.WindowLength,
            new PowerManagementBlock(TimeProvider.System, machine),
            "power-management");
    }

    /// <inheritdoc/>
    public void Dispose() => _items.Dispose();

    /// <summary>
    /// A page that the guest called private is its own. Firmware of SEV and SEV-ES guests says nothing, so a page of which nothing was said
    /// is taken at its word; a SEV-SNP guest cannot share a page without saying so.
    /// </summary>
    private static bool MayAccess(SharedRegionTracker tracker, GpaRange range, bool isSnp)
    {
        for (ulong gpa = GuestPage.RoundDown(range.Start.Value); gpa < range.End.Value; gpa += GuestPage.Size)
        {
            PageState state = tracker.Get(new Gpa(gpa));
            if (state == PageState.Private || (isSnp && state != PageState.Shared))
            {
                return false;
            }
        }

        return true;
    }
}
