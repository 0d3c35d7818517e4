using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>The power management ports by which firmware made for QEMU's "pc" machine counts time and switches it off.</summary>
/// <remarks>
/// Source: Intel 82371AB datasheet, 7.1; ACPI 6.4, 4.8.2. The operating system does not see it: the ACPI tables describe a hardware-reduced
/// machine.
/// </remarks>
internal sealed class PowerManagementBlock : IBusDevice
{
    /// <summary>First port: where OVMF puts the block on this chipset (PcdAcpiPmBaseAddress).</summary>
    internal const ushort Port = 0xB000;

    /// <summary>Ports it occupies.</summary>
    internal const int WindowLength = 64;

    private const ulong ControlOffset = 4;
    private const ulong TimerOffset = 8;
    private const long TimerFrequencyHz = 3_579_545;
    private const uint TimerMask = 0xFF_FFFF;
    private const ushort SleepEnable = 1 << 13;

    private readonly TimeProvider _time;
    private readonly IMachineControl _machine;
    private readonly long _start;

    /// <summary>Makes the block.</summary>
    /// <param name="time">The host's clock.</param>
    /// <param name="machine">Asked to stop with <see cref="StopReason.PowerOff"/>.</param>
    internal PowerManagementBlock(TimeProvider time, IMachineControl machine)
    {
        _time = time;
        _machine = machine;
        _start = time.GetTimestamp();
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset == TimerOffset && data.Length == sizeof(uint))
        {
            UInt128 ticks = (UInt128)(ulong)(_time.GetTimestamp() - _start) * TimerFrequencyHz / (ulong)_time.TimestampFrequency;
            BinaryPrimitives.WriteUInt32LittleEndian(data, (uint)ticks & TimerMask);
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        // Sleep type 0 is S5 on this chipset, and no other sleep is offered.
        if (offset == ControlOffset && data.Length >= sizeof(ushort)
            && (BinaryPrimitives.ReadUInt16LittleEndian(data) & SleepEnable) != 0)
        {
            _machine.RequestStop(StopReason.PowerOff);
        }
    }
}
