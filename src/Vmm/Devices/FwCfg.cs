using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>QEMU's firmware configuration device, as far as test images ask it: RAM size and number of processors. No files, no DMA.</summary>
/// <remarks>Source: QEMU, docs/specs/fw_cfg.</remarks>
public sealed class FwCfg : IBusDevice
{
    /// <summary>Port of the selector, a word; the data port is the byte behind its low half.</summary>
    public const ushort Port = 0x510;

    /// <summary>Ports it occupies.</summary>
    public const int WindowLength = 2;

    private const ushort SignatureItem = 0x00;
    private const ushort InterfaceItem = 0x01;
    private const ushort RamSizeItem = 0x03;
    private const ushort ProcessorCountItem = 0x05;
    private const ushort MaximumProcessorsItem = 0x0F;
    private const byte TraditionalInterface = 1;
    private const ulong DataOffset = 1;

    private readonly Lock _lock = new();
    private readonly byte[] _ramSize = new byte[sizeof(ulong)];
    private readonly byte[] _processorCount = new byte[sizeof(ushort)];
    private ushort _item;
    private int _offset;

    /// <summary>Makes the device.</summary>
    /// <param name="ramBytes">The guest's RAM.</param>
    /// <param name="processorCount">Its vCPUs.</param>
    public FwCfg(ulong ramBytes, int processorCount)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_ramSize, ramBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(_processorCount, (ushort)processorCount);
    }

    /// <inheritdoc/>
    /// <remarks>Each byte comes from the data port and goes on by one; behind an item's end there are zeros.</remarks>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset != DataOffset)
        {
            return;
        }

        lock (_lock)
        {
            ReadOnlySpan<byte> item = Find(_item);
            data[0] = _offset < item.Length ? item[_offset++] : (byte)0;
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset == 0 && data.Length == sizeof(ushort))
        {
            lock (_lock)
            {
                _item = BinaryPrimitives.ReadUInt16LittleEndian(data);
                _offset = 0;
            }
        }
    }

    private ReadOnlySpan<byte> Find(ushort item) => item switch
    {
        SignatureItem => "QEMU"u8,
        InterfaceItem => [TraditionalInterface, 0, 0, 0],
        RamSizeItem => _ramSize,
        ProcessorCountItem or MaximumProcessorsItem => _processorCount,
        _ => [],
    };
}
