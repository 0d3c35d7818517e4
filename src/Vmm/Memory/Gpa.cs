using System.Globalization;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>A guest physical address, without the C-bit.</summary>
/// <param name="Value">The address in bytes.</param>
public readonly record struct Gpa(ulong Value) : IComparable<Gpa>
{
    /// <summary>The address <paramref name="offset"/> bytes further.</summary>
    /// <remarks>Wraps like unsigned arithmetic, so check ranges with <see cref="GpaRange"/>.</remarks>
    /// <param name="gpa">The start.</param>
    /// <param name="offset">Bytes.</param>
    public static Gpa operator +(Gpa gpa, ulong offset) => new(unchecked(gpa.Value + offset));

    /// <summary>Whether <paramref name="left"/> lies below <paramref name="right"/>.</summary>
    public static bool operator <(Gpa left, Gpa right) => left.Value < right.Value;

    /// <summary>Whether <paramref name="left"/> lies above <paramref name="right"/>.</summary>
    public static bool operator >(Gpa left, Gpa right) => left.Value > right.Value;

    /// <summary>Whether <paramref name="left"/> does not lie above <paramref name="right"/>.</summary>
    public static bool operator <=(Gpa left, Gpa right) => left.Value <= right.Value;

    /// <summary>Whether <paramref name="left"/> does not lie below <paramref name="right"/>.</summary>
    public static bool operator >=(Gpa left, Gpa right) => left.Value >= right.Value;

    /// <summary>The same address <paramref name="offset"/> bytes further.</summary>
    /// <param name="offset">Bytes.</param>
    public Gpa Add(ulong offset) => this + offset;

    /// <inheritdoc/>
    public int CompareTo(Gpa other) => Value.CompareTo(other.Value);

    /// <summary>The address as the project writes it everywhere: <c>0x1f00</c>.</summary>
    public override string ToString() => "0x" + Value.ToString("x", CultureInfo.InvariantCulture);
}
