namespace KvmSevVmm.Vmm.Devices;

/// <summary>The reset control register at 0xCF9, in the ports 0xCF8–0xCFF that it shares with PCI configuration, which this machine does
/// not have.</summary>
/// <remarks>
/// Source: Intel PIIX3 and ICH datasheets, "RST_CNT". Only an access of one byte at 0xCF9 is the register's: a dword at 0xCF8 is a PCI
/// configuration address, whose second byte is a device and function number and must never reset the machine. Everything else reads ones:
/// no PCI.
/// </remarks>
public sealed class ResetPort : IBusDevice
{
    /// <summary>First port of the window.</summary>
    public const ushort Port = 0xCF8;

    /// <summary>Ports it occupies.</summary>
    public const int WindowLength = 8;

    /// <summary>Port of the register itself.</summary>
    public const ushort ResetControlPort = 0xCF9;

    /// <summary>The value that resets the machine.</summary>
    public const byte ResetNow = ResetProcessor | SystemReset;

    private const ulong ResetControl = ResetControlPort - Port;
    private const byte SystemReset = 0x02;
    private const byte ResetProcessor = 0x04;
    private const byte FullReset = 0x08;

    private readonly IMachineControl _machine;
    private byte _control;

    /// <summary>Makes the device.</summary>
    /// <param name="machine">Asked to stop with <see cref="StopReason.Reset"/>.</param>
    public ResetPort(IMachineControl machine) => _machine = machine;

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Fill(0xFF);
        if (offset == ResetControl && data.Length == 1)
        {
            data[0] = Volatile.Read(ref _control);
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset != ResetControl || data.Length != 1)
        {
            return;
        }

        Volatile.Write(ref _control, (byte)(data[0] & (SystemReset | FullReset)));
        if ((data[0] & ResetProcessor) != 0)
        {
            _machine.RequestStop(StopReason.Reset);
        }
    }
}
