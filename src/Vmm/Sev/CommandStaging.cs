using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Memory at a fixed address for the blobs of one command, which carries their addresses; wiped after each command.</summary>
internal sealed class CommandStaging : IDisposable
{
    /// <summary>Room for all blobs of the largest command (SEND_START: four of at most 16 KiB), in bytes.</summary>
    private const int Capacity = 64 << 10;

    private const int Alignment = 16;
    private readonly MappedRegion _memory = MappedRegion.MapAnonymous(Capacity, noReserve: false);
    private int _used;

    /// <summary>Copies a blob.</summary>
    /// <param name="blob">The blob.</param>
    /// <returns>Its address; 0 for an empty one.</returns>
    /// <exception cref="ArgumentException">There is no room: a caller let something through that no command takes.</exception>
    internal ulong Add(ReadOnlySpan<byte> blob)
    {
        if (blob.IsEmpty)
        {
            return 0;
        }

        ulong address = Reserve(blob.Length, out Span<byte> room);
        blob.CopyTo(room);
        return address;
    }

    /// <summary>Sets room aside for an answer.</summary>
    /// <param name="length">Bytes, more than 0.</param>
    /// <param name="room">The room, zeroed; valid until <see cref="Clear"/>.</param>
    /// <returns>Its address.</returns>
    internal ulong Reserve(int length, out Span<byte> room)
    {
        if (length > Capacity - _used)
        {
            throw new ArgumentException($"{length} bytes are more than a command can carry ({Capacity - _used} are left).", nameof(length));
        }

        room = _memory.GetSpan((ulong)_used, length);
        ulong address = _memory.Address + (nuint)_used;
        _used = Math.Min(Capacity, (_used + length + Alignment - 1) & -Alignment);
        return address;
    }

    /// <summary>Wipes everything.</summary>
    internal void Clear()
    {
        _memory.GetSpan(0, _used).Clear();
        _used = 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
