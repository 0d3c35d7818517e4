namespace KvmSevVmm.Vmm.Devices;

/// <summary>A device with an 8-bit data path: a wider access reaches it as single bytes at rising offsets, as the ISA bus does
/// it.</summary>
public abstract class ByteDevice : IBusDevice
{
    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = ReadByte(offset + (uint)i);
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            WriteByte(offset + (uint)i, data[i]);
        }
    }

    /// <summary>Answers a read of one byte.</summary>
    /// <param name="offset">Bytes from the start of the device's window.</param>
    protected abstract byte ReadByte(ulong offset);

    /// <summary>Takes a write of one byte.</summary>
    /// <param name="offset">Bytes from the start of the device's window.</param>
    /// <param name="value">The byte.</param>
    protected abstract void WriteByte(ulong offset, byte value);
}
