using KvmSevVmm.Vmm.Boot;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>One thing that firmware reads through fw_cfg: bytes in memory, or a file that is read as the guest asks for it.</summary>
internal sealed class FwCfgItem
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly ImageSource? _source;
    private readonly ulong _start;

    /// <summary>An item in memory.</summary>
    /// <param name="bytes">Its bytes.</param>
    internal FwCfgItem(ReadOnlyMemory<byte> bytes)
    {
        _bytes = bytes;
        Length = (ulong)bytes.Length;
    }

    /// <summary>A part of a file; never in memory as a whole.</summary>
    /// <param name="source">The file; stays the caller's, and open.</param>
    /// <param name="start">First byte.</param>
    /// <param name="length">Bytes.</param>
    internal FwCfgItem(ImageSource source, ulong start, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, source.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, source.Length - start);
        _source = source;
        _start = start;
        Length = length;
    }

    /// <summary>Bytes.</summary>
    internal ulong Length { get; }

    /// <summary>Reads bytes; what lies behind the end reads as zeros.</summary>
    /// <param name="offset">First byte; the guest's choice.</param>
    /// <param name="destination">Filled on success.</param>
    /// <returns>False when the file has got shorter or cannot be read.</returns>
    internal bool TryRead(ulong offset, Span<byte> destination)
    {
        int count = (int)Math.Min((ulong)destination.Length, Length - Math.Min(offset, Length));
        destination[count..].Clear();
        if (count == 0)
        {
            return true;
        }

        if (_source is null)
        {
            _bytes.Span.Slice((int)offset, count).CopyTo(destination);
            return true;
        }

        try
        {
            _source.ReadExactly(destination[..count], _start + offset, "fw_cfg");
            return true;
        }
        catch (Exception failure) when (failure is InvalidInputException or IOException)
        {
            destination.Clear();
            return false;
        }
    }
}
