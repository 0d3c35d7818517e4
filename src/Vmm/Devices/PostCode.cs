namespace KvmSevVmm.Vmm.Devices;

/// <summary>The diagnostic port 0x80: takes progress codes, and the writes by which a kernel waits a microsecond.</summary>
public sealed class PostCode : ByteDevice
{
    /// <summary>The port, one byte.</summary>
    public const ushort Port = 0x80;

    private byte _lastCode;

    /// <summary>What the guest wrote last; 0 before the first write.</summary>
    public byte LastCode => Volatile.Read(ref _lastCode);

    /// <inheritdoc/>
    protected override byte ReadByte(ulong offset) => LastCode;

    /// <inheritdoc/>
    protected override void WriteByte(ulong offset, byte value) => Volatile.Write(ref _lastCode, value);
}
