using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>
/// How the map formats spell states, certainties, addresses and times. One spelling each: what is read back is what was written.
/// </summary>
internal static class MapWords
{
    /// <summary>The map's schema, and that of the CSV form.</summary>
    public const string MapSchema = "kvmsev.encryption-map/1";

    /// <summary>The schema of a bitmap's header.</summary>
    public const string BitmapSchema = "kvmsev.encryption-bitmap/1";

    /// <summary>Most ranges of RAM that a file may name; a real guest has a handful.</summary>
    public const int MaximumRamRanges = 1024;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";

    /// <summary>The word for a state.</summary>
    public static string Of(PageState state) => state switch
    {
        PageState.Private => "private",
        PageState.Shared => "shared",
        _ => "unreported",
    };

    /// <summary>The word for a certainty.</summary>
    public static string Of(LabelCertainty certainty) => certainty switch
    {
        LabelCertainty.Exact => "exact",
        LabelCertainty.Likely => "likely",
        _ => "unknown",
    };

    /// <summary>The word for the meaning of a hypercall's attributes.</summary>
    public static string Of(HypercallAbi abi) => abi == HypercallAbi.PageEncStatus ? "page-enc-status" : "map-gpa-range";

    /// <summary>A moment, in UTC, to 100 ns.</summary>
    public static string Of(DateTimeOffset time) => time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>An address: <c>0x1f00</c>.</summary>
    public static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>Reads the word for a state.</summary>
    public static bool TryParseState(ReadOnlySpan<byte> word, out PageState state)
    {
        state = word.SequenceEqual("private"u8) ? PageState.Private
            : word.SequenceEqual("shared"u8) ? PageState.Shared
            : PageState.Unreported;
        return state != PageState.Unreported || word.SequenceEqual("unreported"u8);
    }

    /// <summary>Reads the word for a certainty.</summary>
    public static bool TryParseCertainty(ReadOnlySpan<byte> word, out LabelCertainty certainty)
    {
        certainty = word.SequenceEqual("exact"u8) ? LabelCertainty.Exact
            : word.SequenceEqual("likely"u8) ? LabelCertainty.Likely
            : LabelCertainty.Unknown;
        return certainty != LabelCertainty.Unknown || word.SequenceEqual("unknown"u8);
    }

    /// <summary>Reads an address as <see cref="Hex"/> writes it: small digits, none of them a leading zero.</summary>
    public static bool TryParseHex(ReadOnlySpan<byte> text, out ulong value)
    {
        value = 0;
        if (!text.StartsWith("0x"u8) || text.Length is < 3 or > 18 || (text.Length > 3 && text[2] == (byte)'0'))
        {
            return false;
        }

        foreach (byte digit in text[2..])
        {
            int nibble = digit switch
            {
                >= (byte)'0' and <= (byte)'9' => digit - '0',
                >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
                _ => -1,
            };
            if (nibble < 0)
            {
                return false;
            }

            value = (value << 4) | (uint)nibble;
        }

        return true;
    }

    /// <summary>Reads a decimal number without sign, leading zeros or anything behind it.</summary>
    public static bool TryParseNumber(ReadOnlySpan<byte> text, out ulong value) =>
        Utf8Parser.TryParse(text, out value, out int consumed) && consumed == text.Length
        && text[0] != (byte)'+' && (text[0] != (byte)'0' || text.Length == 1);

    /// <summary>Reads a moment as <see cref="Of(DateTimeOffset)"/> writes it.</summary>
    public static bool TryParseTime(ReadOnlySpan<byte> text, out DateTimeOffset time)
    {
        time = default;
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return text.Length < 64
            && DateTimeOffset.TryParseExact(Encoding.UTF8.GetString(text), TimeFormat, CultureInfo.InvariantCulture, Utc, out time);
    }
}
