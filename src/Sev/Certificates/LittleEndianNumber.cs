namespace KvmSevVmm.Sev.Certificates;

/// <summary>AMD stores big numbers little-endian in fields that may be longer than the number; the BCL wants them big-endian.</summary>
public static class LittleEndianNumber
{
    /// <summary>Takes a number out of a field.</summary>
    /// <param name="field">The field, little-endian.</param>
    /// <param name="size">Bytes of the result.</param>
    /// <param name="bigEndian">The number, big-endian, in exactly <paramref name="size"/> bytes.</param>
    /// <returns>False when the number needs more than <paramref name="size"/> bytes.</returns>
    public static bool TryRead(ReadOnlySpan<byte> field, int size, out byte[] bigEndian)
    {
        bigEndian = [];
        if (size > field.Length || field[size..].ContainsAnyExcept((byte)0))
        {
            return false;
        }

        bigEndian = field[..size].ToArray();
        bigEndian.AsSpan().Reverse();
        return true;
    }

    /// <summary>Puts a number into a field, the rest of which becomes zero.</summary>
    /// <param name="bigEndian">The number, big-endian.</param>
    /// <param name="field">The field, at least as long as the number.</param>
    /// <exception cref="ArgumentException">The number is longer than the field.</exception>
    public static void Write(ReadOnlySpan<byte> bigEndian, Span<byte> field)
    {
        if (bigEndian.Length > field.Length)
        {
            throw new ArgumentException($"a number of {bigEndian.Length} bytes does not fit a field of {field.Length}", nameof(bigEndian));
        }

        field.Clear();
        bigEndian.CopyTo(field);
        field[..bigEndian.Length].Reverse();
    }
}
