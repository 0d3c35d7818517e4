namespace KvmSevVmm.Vmm.Memory;

/// <summary>A half-open range of guest physical addresses: <c>[Start, End)</c>. It never wraps and never reaches 2^64.</summary>
public readonly record struct GpaRange
{
    /// <summary>Makes the range of <paramref name="length"/> bytes at <paramref name="start"/>.</summary>
    /// <param name="start">First address.</param>
    /// <param name="length">Bytes; zero makes an empty range.</param>
    /// <exception cref="OverflowException">The range would wrap; use <see cref="TryCreate"/> for a guest's values.</exception>
    public GpaRange(Gpa start, ulong length)
    {
        _ = checked(start.Value + length);
        Start = start;
        Length = length;
    }

    /// <summary>First address of the range.</summary>
    public Gpa Start { get; }

    /// <summary>Bytes in the range.</summary>
    public ulong Length { get; }

    /// <summary>First address behind the range.</summary>
    public Gpa End => new(Start.Value + Length);

    /// <summary>Whether the range holds no byte.</summary>
    public bool IsEmpty => Length == 0;

    /// <summary>Whether start and length are multiples of 4 KiB.</summary>
    public bool IsPageAligned => GuestPage.IsAligned(Start.Value) && GuestPage.IsAligned(Length);

    /// <summary>4 KiB pages in the range; exact only when <see cref="IsPageAligned"/>.</summary>
    public ulong PageCount => Length >> GuestPage.Shift;

    /// <summary>The range from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    /// <param name="start">First address.</param>
    /// <param name="end">First address behind it, not below <paramref name="start"/>.</param>
    /// <exception cref="OverflowException"><paramref name="end"/> lies below <paramref name="start"/>.</exception>
    public static GpaRange FromBounds(ulong start, ulong end) => new(new Gpa(start), checked(end - start));

    /// <summary>Makes a range out of values that a guest chose.</summary>
    /// <param name="start">First address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="range">The range, when the result is true.</param>
    /// <returns>False when the range would wrap.</returns>
    public static bool TryCreate(Gpa start, ulong length, out GpaRange range)
    {
        if (unchecked(start.Value + length) < start.Value)
        {
            range = default;
            return false;
        }

        range = new GpaRange(start, length);
        return true;
    }

    /// <summary>Whether <paramref name="gpa"/> lies in the range.</summary>
    public bool Contains(Gpa gpa) => gpa.Value - Start.Value < Length;

    /// <summary>Whether all of <paramref name="other"/> lies in the range.</summary>
    public bool Contains(GpaRange other) =>
        other.Length <= Length && other.Start.Value >= Start.Value && other.Start.Value - Start.Value <= Length - other.Length;

    /// <summary>Whether the two ranges have a byte in common.</summary>
    public bool Overlaps(GpaRange other) => Start < other.End && other.Start < End;

    /// <summary>What both ranges have in common; empty if nothing.</summary>
    /// <param name="other">The other range.</param>
    public GpaRange Intersect(GpaRange other)
    {
        ulong start = Math.Max(Start.Value, other.Start.Value);
        ulong end = Math.Min(End.Value, other.End.Value);
        return start < end ? FromBounds(start, end) : default;
    }

    /// <summary>The range as <c>[0x1000, 0x3000)</c>.</summary>
    public override string ToString() => $"[{Start}, {End})";
}
