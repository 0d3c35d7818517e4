using System.Globalization;

namespace KvmSevVmm.Sev.Policies;

/// <summary>The text form of a guest policy, the same for SEV and SNP: a number, or names separated by commas.</summary>
internal static class PolicyText
{
    /// <summary>Reads a policy.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <param name="flags">The names of single bits.</param>
    /// <param name="versions">The names of eight-bit fields, with the lowest bit of each.</param>
    /// <param name="maximum">The largest number that fits.</param>
    /// <param name="start">Bits that are set whatever names are given.</param>
    /// <exception cref="SevFormatException">It is neither.</exception>
    internal static ulong Parse(
        string text,
        IReadOnlyList<(string Name, int Bit)> flags,
        IReadOnlyList<(string Name, int Bit)> versions,
        ulong maximum,
        ulong start)
    {
        string trimmed = text.Trim();
        if (trimmed.Length > 0 && char.IsAsciiDigit(trimmed[0]))
        {
            return ParseNumber(trimmed, maximum)
                ?? throw new SevFormatException(text, "policy", $"no number from 0 to 0x{maximum:x}");
        }

        ulong policy = start;
        ulong seen = 0;
        foreach (string item in trimmed.Split(',', StringSplitOptions.TrimEntries))
        {
            int equals = item.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? item : item[..equals].TrimEnd();
            (string Name, int Bit) found = (equals < 0 ? flags : versions)
                .FirstOrDefault(entry => entry.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (found.Name is null)
            {
                string known = string.Join(", ", [.. flags.Select(flag => flag.Name), .. versions.Select(version => version.Name + "=N")]);
                throw new SevFormatException(text, "policy", $"\"{item}\" is none of: {known}");
            }

            ulong value = 1;
            if (equals >= 0)
            {
                value = ParseNumber(item[(equals + 1)..].Trim(), byte.MaxValue)
                    ?? throw new SevFormatException(text, "policy", $"\"{item}\": no number from 0 to 255");
            }

            ulong mark = 1UL << found.Bit;
            if ((seen & mark) != 0)
            {
                throw new SevFormatException(text, "policy", $"\"{found.Name}\" stands there twice");
            }

            seen |= mark;
            policy |= value << found.Bit;
        }

        return policy;
    }

    /// <summary>The policy as names separated by commas; eight-bit fields only where they are not zero.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="flags">The names of single bits.</param>
    /// <param name="versions">The names of eight-bit fields, with the lowest bit of each.</param>
    internal static string Format(
        ulong policy,
        IReadOnlyList<(string Name, int Bit)> flags,
        IReadOnlyList<(string Name, int Bit)> versions)
    {
        IEnumerable<string> words = flags.Where(flag => (policy >> flag.Bit & 1) != 0).Select(flag => flag.Name);
        IEnumerable<string> numbers = versions
            .Where(version => (policy >> version.Bit & byte.MaxValue) != 0)
            .Select(version => $"{version.Name}={policy >> version.Bit & byte.MaxValue}");
        return string.Join(',', [.. words, .. numbers]);
    }

    private static ulong? ParseNumber(string text, ulong maximum)
    {
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        bool isNumber = isHex
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        return isNumber && value <= maximum ? value : null;
    }
}
