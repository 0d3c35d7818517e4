using System.Globalization;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads whole numbers, decimal or hexadecimal with <c>0x</c>.</summary>
internal static class NumberValue
{
    /// <summary>Reads a number.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <param name="minimum">The smallest accepted.</param>
    /// <param name="maximum">The largest accepted.</param>
    /// <exception cref="UsageException">The text is no number, or out of range.</exception>
    internal static ulong Parse(string option, string text, ulong minimum = 0, ulong maximum = ulong.MaxValue)
    {
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> digits = isHex ? text.AsSpan(2) : text;
        bool hasOnlyDigits = digits.Length > 0;
        foreach (char digit in digits)
        {
            hasOnlyDigits &= isHex ? char.IsAsciiHexDigit(digit) : char.IsAsciiDigit(digit);
        }

        if (!hasOnlyDigits)
        {
            throw new UsageException($"{option}: '{text}' is not a number", "write it in decimal, or in hexadecimal with 0x");
        }

        NumberStyles style = isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        bool fits = ulong.TryParse(digits, style, CultureInfo.InvariantCulture, out ulong value);
        if (!fits || value < minimum || value > maximum)
        {
            string range = $"{Format(minimum, isHex)} to {Format(maximum, isHex)}";
            throw new UsageException($"{option}: '{text}' is out of range; it must be {range}");
        }

        return value;
    }

    private static string Format(ulong value, bool asHex) =>
        asHex ? "0x" + value.ToString("x", CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);
}
