using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>One PCI function: 256 bytes of configuration space, of which the guest may change some; no base address registers.</summary>
internal sealed class PciFunction
{
    private const int SpaceSize = 256;
    private const int CommandOffset = 0x04;
    private const int HeaderTypeOffset = 0x0E;
    private const int InterruptLineOffset = 0x3C;
    private const int DeviceSpecificOffset = 0x40;

    private readonly byte[] _space = new byte[SpaceSize];
    private readonly byte[] _writable = new byte[SpaceSize];

    /// <summary>Makes a function.</summary>
    /// <param name="device">Its device number on bus 0.</param>
    /// <param name="function">Its function number.</param>
    /// <param name="vendorId">Vendor.</param>
    /// <param name="deviceId">Device.</param>
    /// <param name="classCode">Base class, subclass and interface: 0x060000 for a host bridge.</param>
    /// <param name="isMultiFunction">Whether the device has more functions than function 0.</param>
    internal PciFunction(int device, int function, ushort vendorId, ushort deviceId, uint classCode, bool isMultiFunction = false)
    {
        Number = (device << 3) | function;
        BinaryPrimitives.WriteUInt16LittleEndian(_space, vendorId);
        BinaryPrimitives.WriteUInt16LittleEndian(_space.AsSpan(2), deviceId);
        BinaryPrimitives.WriteUInt32LittleEndian(_space.AsSpan(8), classCode << 8);
        _space[HeaderTypeOffset] = (byte)(isMultiFunction ? 0x80 : 0);
        _writable.AsSpan(CommandOffset, 2).Fill(0xFF);
        _writable[InterruptLineOffset] = 0xFF;
        _writable.AsSpan(DeviceSpecificOffset).Fill(0xFF);
    }

    /// <summary>Device and function number as a configuration address has them.</summary>
    internal int Number { get; }

    /// <summary>Sets a byte that the guest finds and may not change.</summary>
    /// <param name="offset">Where.</param>
    /// <param name="value">What.</param>
    internal PciFunction WithFixed(int offset, byte value)
    {
        _space[offset] = value;
        _writable[offset] = 0;
        return this;
    }

    /// <summary>Reads configuration space.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="data">1 to 4 bytes, inside the space.</param>
    internal void Read(int offset, Span<byte> data) => _space.AsSpan(offset, data.Length).CopyTo(data);

    /// <summary>Writes configuration space.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="data">1 to 4 bytes, inside the space.</param>
    internal void Write(int offset, ReadOnlySpan<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            byte mask = _writable[offset + i];
            _space[offset + i] = (byte)((_space[offset + i] & ~mask) | (data[i] & mask));
        }
    }
}
