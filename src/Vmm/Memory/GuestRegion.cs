using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>One range of RAM and where its bytes lie in a mapping. Immutable, so that any thread may look it up.</summary>
internal sealed class GuestRegion
{
    private readonly MappedRegion _mapping;
    private readonly ulong _start;
    private readonly ulong _length;
    private readonly ulong _offset;

    /// <summary>Places <paramref name="range"/> at <paramref name="offset"/> of <paramref name="mapping"/>.</summary>
    /// <param name="range">Guest addresses.</param>
    /// <param name="mapping">The memory; stays the caller's.</param>
    /// <param name="offset">Bytes from the mapping's start.</param>
    internal GuestRegion(GpaRange range, MappedRegion mapping, ulong offset)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(range.Length, mapping.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, mapping.Length - range.Length);
        Range = range;
        _mapping = mapping;
        _start = range.Start.Value;
        _length = range.Length;
        _offset = offset;
    }

    /// <summary>The guest addresses of the region.</summary>
    internal GpaRange Range { get; }

    internal bool TryGetSpan(Gpa gpa, int length, out Span<byte> span)
    {
        if (length < 0 || !TryGetOffset(gpa, (uint)length, out ulong offset))
        {
            span = default;
            return false;
        }

        return _mapping.TryGetSpan(offset, length, out span);
    }

    /// <summary>Where a piece lies in the mapping, if all of it lies in the region.</summary>
    /// <param name="gpa">First address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="offset">Bytes from the mapping's start.</param>
    internal bool TryGetOffset(Gpa gpa, ulong length, out ulong offset)
    {
        // An address below the start wraps to a distance beyond every length, because start + length never wraps.
        ulong distance = unchecked(gpa.Value - _start);
        offset = unchecked(_offset + distance);
        return length <= _length && distance <= _length - length;
    }

    internal MappedRegion Mapping => _mapping;
}
