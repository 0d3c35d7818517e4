using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>Hands out what devices occupy: windows of the hole below 4 GiB, and inputs of the I/O APIC. The same requests get the same
/// answers.</summary>
public sealed class DeviceSpace
{
    // The I/O APIC's own inputs first; then those ISA interrupts that no device of this machine has. 2 is the PIC's cascade.
    private static readonly uint[] FreeGsis = [16, 17, 18, 19, 20, 21, 22, 23, 10, 11, 5, 7, 6, 12, 14, 15, 3, 13];

    private ulong _nextWindow = GuestLayout.DeviceWindowsStart;
    private int _gsiCount;

    /// <summary>Sets a window of registers aside. It begins on a page of its own, so that no two devices share one.</summary>
    /// <param name="length">Bytes; at least 1.</param>
    /// <exception cref="InvalidInputException">There is no room left.</exception>
    public GpaRange AllocateWindow(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong room = GuestLayout.DeviceWindowsEnd - _nextWindow;
        if (length > room)
        {
            throw new InvalidInputException("devices", "windows", $"{length} bytes of registers do not fit into the {room} that are left");
        }

        GpaRange window = new(new Gpa(_nextWindow), length);
        _nextWindow = GuestPage.RoundUp(window.End.Value);
        return window;
    }

    /// <summary>Sets an interrupt aside that no other device has.</summary>
    /// <returns>The global system interrupt, which KVM's standard routing leads to the I/O APIC's input of the same number.</returns>
    /// <exception cref="InvalidInputException">All are taken.</exception>
    public uint AllocateGsi() => _gsiCount < FreeGsis.Length
        ? FreeGsis[_gsiCount++]
        : throw new InvalidInputException("devices", "interrupts", $"there are {FreeGsis.Length} for devices, and all are taken");
}
