using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads bytes, written as hexadecimal digits (as every tool prints digests) or as base64.</summary>
internal static class HexValue
{
    /// <summary>Reads bytes of known length.</summary>
    /// <param name="option">The option they were given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <param name="length">How many bytes there must be.</param>
    /// <param name="mayBeShorter">Whether fewer are filled up with zeros behind them.</param>
    /// <exception cref="UsageException">It is neither, or another number of bytes.</exception>
    internal static byte[] Parse(string option, string text, int length, bool mayBeShorter = false)
    {
        string digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        byte[] bytes;
        if (digits.Length > 0 && digits.Length % 2 == 0 && digits.All(char.IsAsciiHexDigit))
        {
            bytes = Convert.FromHexString(digits);
        }
        else
        {
            bytes = new byte[text.Length];
            bytes = Convert.TryFromBase64String(text, bytes, out int written) && written > 0
                ? bytes[..written]
                : throw new UsageException($"{option}: '{text}' is neither hexadecimal digits nor base64");
        }

        if (bytes.Length != length && !(mayBeShorter && bytes.Length < length))
        {
            throw new UsageException($"{option}: {bytes.Length} bytes where {length} are wanted");
        }

        byte[] whole = new byte[length];
        bytes.CopyTo(whole, 0);
        return whole;
    }
}
