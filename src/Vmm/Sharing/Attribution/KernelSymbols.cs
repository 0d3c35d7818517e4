using System.Globalization;

namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>
/// Where a kernel's build put what attribution needs: out of its <c>System.map</c>, or the guest's own <c>/proc/kallsyms</c>.
/// </summary>
public sealed record KernelSymbols
{
    private const int MostLines = 4_000_000;

    /// <summary>Virtual address of <c>_text</c>.</summary>
    public required ulong Text { get; init; }

    /// <summary>Virtual address of <c>_etext</c>.</summary>
    public required ulong TextEnd { get; init; }

    /// <summary>Virtual address of <c>__start_bss_decrypted</c>.</summary>
    public required ulong BssDecrypted { get; init; }

    /// <summary>Virtual address of <c>__end_bss_decrypted</c>.</summary>
    public required ulong BssDecryptedEnd { get; init; }

    /// <summary>Virtual address of <c>_end</c>.</summary>
    public required ulong End { get; init; }

    /// <summary>Reads the symbols: lines of address, type and name, as <c>nm</c> prints them.</summary>
    /// <param name="input">The text; stays open.</param>
    /// <param name="source">What to call it in an error.</param>
    /// <exception cref="InvalidInputException">A symbol that is needed is missing, or their order is none of a kernel's.</exception>
    public static KernelSymbols Read(Stream input, string source)
    {
        Dictionary<string, ulong> found = new(StringComparer.Ordinal)
        {
            ["_text"] = 0,
            ["_etext"] = 0,
            ["__start_bss_decrypted"] = 0,
            ["__end_bss_decrypted"] = 0,
            ["_end"] = 0,
        };
        BoundedLines lines = new(input);
        while (lines.Number < MostLines && lines.MoveNext(out _))
        {
            string line = System.Text.Encoding.UTF8.GetString(lines.Line);
            string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 3 && found.ContainsKey(words[2])
                && ulong.TryParse(words[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address))
            {
                found[words[2]] = address;
            }
        }

        foreach ((string name, ulong address) in found)
        {
            if (address == 0)
            {
                throw new InvalidInputException(
                    source, name, "is not in it, or is 0 (Debian's /boot/System.map is a stub; /proc/kallsyms read as root has addresses)");
            }
        }

        KernelSymbols symbols = new()
        {
            Text = found["_text"],
            TextEnd = found["_etext"],
            BssDecrypted = found["__start_bss_decrypted"],
            BssDecryptedEnd = found["__end_bss_decrypted"],
            End = found["_end"],
        };
        bool isOrdered = symbols.Text < symbols.TextEnd && symbols.TextEnd <= symbols.BssDecrypted
            && symbols.BssDecrypted < symbols.BssDecryptedEnd && symbols.BssDecryptedEnd <= symbols.End
            && symbols.End - symbols.Text < 1UL << 30;
        return isOrdered ? symbols : throw new InvalidInputException(source, "_text to _end", "are not in a kernel's order");
    }
}
