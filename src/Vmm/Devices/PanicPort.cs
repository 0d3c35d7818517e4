namespace KvmSevVmm.Vmm.Devices;

/// <summary>QEMU's pvpanic device: a guest kernel that panics says so here, before it does anything else.</summary>
/// <remarks>
/// Reading tells which events the device takes. It does not take "a crash kernel is loaded" (bit 1): a guest that has one goes on to write
/// its dump. Source: QEMU, docs/specs/pvpanic.
/// </remarks>
public sealed class PanicPort : ByteDevice
{
    /// <summary>The port, one byte.</summary>
    public const ushort Port = 0x505;

    private const byte Panicked = 1 << 0;

    private readonly IMachineControl _machine;

    /// <summary>Makes the device.</summary>
    /// <param name="machine">Asked to stop with <see cref="StopReason.GuestPanic"/>.</param>
    public PanicPort(IMachineControl machine) => _machine = machine;

    /// <inheritdoc/>
    protected override byte ReadByte(ulong offset) => Panicked;

    /// <inheritdoc/>
    protected override void WriteByte(ulong offset, byte value)
    {
        if ((value & Panicked) != 0)
        {
            _machine.RequestStop(StopReason.GuestPanic);
        }
    }
}
