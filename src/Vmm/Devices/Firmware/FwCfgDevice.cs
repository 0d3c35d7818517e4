using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>The fw_cfg device: firmware selects an item and reads it, byte by byte or by DMA into its memory.</summary>
/// <remarks>
/// <para>Source: QEMU, docs/specs/fw_cfg.rst. Nothing can be written. A DMA that names memory which is not RAM, or which the guest keeps
/// private, moves nothing and ends with the error bit.</para>
/// <para>A file is read on the vCPU's thread: the guest waits for it anyway. What one DMA can ask for is bounded by the guest's own
/// RAM.</para>
/// </remarks>
internal sealed class FwCfgDevice : IBusDevice
{
    /// <summary>First port of the window.</summary>
    internal const ushort Port = 0x510;

    /// <summary>Ports it occupies.</summary>
    internal const int WindowLength = 12;

    private const ulong SelectorOffset = 0;
    private const ulong DataOffset = 1;
    private const ulong DmaHighOffset = 4;
    private const ulong DmaLowOffset = 8;

    /// <summary>"QEMU CFG", which the DMA address register reads as.</summary>
    private const ulong DmaSignature = 0x5145_4D55_2043_4647;

    private const int DmaStructureSize = 16;
    private const uint DmaError = 1 << 0;
    private const uint DmaRead = 1 << 1;
    private const uint DmaSkip = 1 << 2;
    private const uint DmaSelect = 1 << 3;
    private const uint DmaWrite = 1 << 4;
    private const int DmaChunk = 1 << 20;

    private readonly FwCfgItems _items;
    private readonly GuestMemory _memory;
    private readonly Func<GpaRange, bool> _mayAccess;
    private readonly BoundedLog _log;
    private readonly Lock _lock = new();
    private FwCfgItem? _item;
    private ulong _position;
    private uint _dmaHigh;

    /// <summary>Makes the device; at first no item is selected.</summary>
    /// <param name="items">What it offers.</param>
    /// <param name="memory">Where DMA goes.</param>
    /// <param name="mayAccess">Whether the guest lets the host touch a range of RAM.</param>
    /// <param name="log">For DMA that is refused.</param>
    internal FwCfgDevice(FwCfgItems items, GuestMemory memory, Func<GpaRange, bool> mayAccess, BoundedLog log)
    {
        _items = items;
        _memory = memory;
        _mayAccess = mayAccess;
        _log = log;
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        lock (_lock)
        {
            if (offset == DataOffset && data.Length == 1)
            {
                ReadItem(data);
            }
            else if (offset >= DmaHighOffset)
            {
                ReadSignature(offset - DmaHighOffset, data);
            }
            else
            {
                data.Clear();
            }
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            switch (offset, data.Length)
            {
                case (SelectorOffset, sizeof(ushort)):
                    Select(BinaryPrimitives.ReadUInt16LittleEndian(data));
                    break;
                case (DmaHighOffset, sizeof(uint)):
                    _dmaHigh = BinaryPrimitives.ReadUInt32BigEndian(data);
                    break;
                case (DmaLowOffset, sizeof(uint)):
                    RunDma(((ulong)_dmaHigh << 32) | BinaryPrimitives.ReadUInt32BigEndian(data));
                    break;
                case (DmaHighOffset, sizeof(ulong)):
                    RunDma(BinaryPrimitives.ReadUInt64BigEndian(data));
                    break;
                default:
                    break;
            }
        }
    }

    private static void ReadSignature(ulong offset, Span<byte> data)
    {
        Span<byte> signature = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(signature, DmaSignature);
        data.Clear();
        signature.Slice((int)offset, Math.Min(data.Length, sizeof(ulong) - (int)offset)).CopyTo(data);
    }

    private void Select(ushort selector)
    {
        _item = _items.Find(selector);
        _position = 0;
    }

    private bool ReadItem(Span<byte> data)
    {
        if (_item is null)
        {
            data.Clear();
            return true;
        }

        bool isRead = _item.TryRead(_position, data);
        _position += (ulong)data.Length;
        return isRead;
    }

    private void RunDma(ulong address)
    {
        _dmaHigh = 0;
        Gpa structure = new(address);
        Span<byte> copy = stackalloc byte[DmaStructureSize];
        if (!MayAccess(structure, DmaStructureSize) || !_memory.TryRead(structure, copy))
        {
            Refuse(structure, DmaStructureSize);
            return;
        }

        uint control = BinaryPrimitives.ReadUInt32BigEndian(copy);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(copy[4..]);
        Gpa target = new(BinaryPrimitives.ReadUInt64BigEndian(copy[8..]));
        if ((control & DmaSelect) != 0)
        {
            Select((ushort)(control >> 16));
        }

        uint result = 0;
        if ((control & DmaRead) != 0)
        {
            result = TryFill(target, length) ? 0 : DmaError;
        }
        else if ((control & DmaWrite) != 0)
        {
            result = DmaError;
        }
        else if ((control & DmaSkip) != 0)
        {
            _position += length;
        }

        Span<byte> answer = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(answer, result);
        _ = _memory.TryWrite(structure, answer);
    }

    private bool TryFill(Gpa target, uint length)
    {
        if (length == 0)
        {
            return true;
        }

        if (!MayAccess(target, length))
        {
            Refuse(target, length);
            return false;
        }

        for (uint done = 0; done < length;)
        {
            int count = (int)Math.Min(length - done, DmaChunk);
            if (!_memory.TryGetSpan(target + done, count, out Span<byte> span) || !ReadItem(span))
            {
                return false;
            }

            done += (uint)count;
        }

        return true;
    }

    private bool MayAccess(Gpa start, uint length) =>
        GpaRange.TryCreate(start, length, out GpaRange range) && _memory.Contains(range) && _mayAccess(range);

    private void Refuse(Gpa start, uint length)
    {
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning("fw_cfg: DMA to {Gpa}, {Bytes} bytes, is refused: that is no RAM, or private", start, length);
        }
    }
}
