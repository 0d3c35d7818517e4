namespace KvmSevVmm.Vmm.Devices;

/// <summary>The machine's power button: pressing it asks the guest to shut down, which it may or may not do.</summary>
/// <remarks>
/// An edge on an interrupt of its own; the DSDT's generic event device makes a notification of the button (PNP0C0C) of it, and the guest's
/// driver a key. A press before the guest has set the interrupt up is lost, as on a real machine.
/// </remarks>
public sealed class PowerButton
{
    /// <summary>Its global system interrupt: the one that ACPI has for its own on a PC.</summary>
    public const int Gsi = 9;

    private readonly Lock _lock = new();
    private readonly IInterruptLine _line;

    /// <summary>Makes the button.</summary>
    /// <param name="line">The interrupt <see cref="Gsi"/>.</param>
    public PowerButton(IInterruptLine line) => _line = line;

    /// <summary>Presses it; from any thread.</summary>
    public void Press()
    {
        lock (_lock)
        {
            _line.Set(true);
            _line.Set(false);
        }
    }
}
