using System.Globalization;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>
/// Reads amounts of memory: <c>512M</c>, <c>4G</c>, <c>1GiB</c>, plain bytes. Suffixes are powers of 1024, as cloud-hypervisor and QEMU
/// read them.
/// </summary>
internal static class SizeValue
{
    private const string Forms = "write for instance 512M, 4G, 1GiB, or plain bytes";

    /// <summary>Reads a size.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <returns>Bytes, at least 1.</returns>
    /// <exception cref="UsageException">The text is no size, zero, negative, or 2^64 or more.</exception>
    internal static ulong Parse(string option, string text)
    {
        if (text.StartsWith('-'))
        {
            throw new UsageException($"{option}: '{text}' is negative", Forms);
        }

        int digits = text.TakeWhile(char.IsAsciiDigit).Count();
        if (digits == 0)
        {
            throw new UsageException($"{option}: '{text}' is not a size", Forms);
        }

        int? shift = ShiftOf(text[digits..]);
        if (shift is null)
        {
            throw new UsageException(
                $"{option}: unknown suffix '{text[digits..]}' in '{text}'",
                "the suffixes are K, M, G and T, or KiB, MiB, GiB and TiB (powers of 1024)");
        }

        if (!ulong.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out ulong count)
            || count > ulong.MaxValue >> shift)
        {
            throw new UsageException($"{option}: '{text}' is too large", "sizes end below 2^64 bytes");
        }

        return count != 0 ? count << shift.Value : throw new UsageException($"{option}: the size must not be zero", Forms);
    }

    private static int? ShiftOf(string suffix) => suffix.ToUpperInvariant() switch
    {
        "" or "B" => 0,
        "K" or "KIB" => 10,
        "M" or "MIB" => 20,
        "G" or "GIB" => 30,
        "T" or "TIB" => 40,
        _ => null,
    };
}
