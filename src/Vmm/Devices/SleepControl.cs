using KvmSevVmm.Vmm.Acpi;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>The sleep control and sleep status registers of a hardware-reduced ACPI machine: a guest switches itself off with
/// them.</summary>
/// <remarks>Source: ACPI 6.4, 4.8.3.7, "Sleep Control and Status Registers".</remarks>
public sealed class SleepControl : ByteDevice
{
    /// <summary>The port of the sleep control register, and the first of the window.</summary>
    public const ushort ControlPort = 0x600;

    /// <summary>The port of the sleep status register.</summary>
    public const ushort StatusPort = 0x601;

    /// <summary>Ports it occupies.</summary>
    public const int WindowLength = 2;

    private const int TypeShift = 2;
    private const int TypeMask = 7;
    private const byte SleepEnable = 1 << 5;

    private readonly IMachineControl _machine;

    /// <summary>Makes the device.</summary>
    /// <param name="machine">Asked to stop with <see cref="StopReason.PowerOff"/>.</param>
    public SleepControl(IMachineControl machine) => _machine = machine;

    /// <inheritdoc/>
    /// <remarks>The enable bit reads as 0, and this machine never wakes: its wake status is never set.</remarks>
    protected override byte ReadByte(ulong offset) => 0;

    /// <inheritdoc/>
    protected override void WriteByte(ulong offset, byte value)
    {
        if (offset == 0 && (value & SleepEnable) != 0 && ((value >> TypeShift) & TypeMask) == SleepType.SoftOff)
        {
            _machine.RequestStop(StopReason.PowerOff);
        }
    }
}
