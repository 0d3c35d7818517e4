using System.Globalization;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>The processor models that SEV guests are given.</summary>
public static class CpuModels
{
    /// <summary>All of them, oldest first; versions of one model share its signature.</summary>
    public static IReadOnlyList<CpuModel> All { get; } =
    [
        new CpuModel("EPYC", 23, 1, 2),
        new CpuModel("EPYC-Rome", 23, 49, 0),
        new CpuModel("EPYC-Milan", 25, 1, 1),
        new CpuModel("EPYC-Genoa", 25, 17, 0),
        new CpuModel("EPYC-Turin", 26, 0, 0),
    ];

    /// <summary>
    /// The model with that name: <c>EPYC-Milan</c>, also with a version, <c>EPYC-v4</c> and <c>EPYC-IBPB</c>; null if unknown.
    /// </summary>
    /// <param name="name">The name, in any case.</param>
    public static CpuModel? Find(string name)
    {
        string model = name;
        int dash = name.LastIndexOf('-');
        if (dash > 0 && dash + 2 < name.Length && char.ToLowerInvariant(name[dash + 1]) == 'v' && name[(dash + 2)..].All(char.IsAsciiDigit))
        {
            model = name[..dash];
        }
        else if (name.Equals("EPYC-IBPB", StringComparison.OrdinalIgnoreCase))
        {
            model = "EPYC";
        }

        return All.FirstOrDefault(candidate => candidate.Name.Equals(model, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The model with that signature; null if none of the table has it.</summary>
    /// <param name="signature">CPUID Fn0000_0001 EAX.</param>
    public static CpuModel? Find(uint signature) => All.FirstOrDefault(candidate => candidate.Signature == signature);

    /// <summary>What to call a signature: <c>EPYC-Milan (0xa00f11)</c>, or the number alone.</summary>
    /// <param name="signature">CPUID Fn0000_0001 EAX.</param>
    public static string Describe(uint signature) => Find(signature) is { } model ? $"{model.Name} (0x{signature:x})" : $"0x{signature:x}";

    /// <summary>Reads a signature: a model's name, or a 0x or decimal number.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="SevFormatException">It is neither.</exception>
    public static uint Parse(string text)
    {
        if (Find(text.Trim()) is { } model)
        {
            return model.Signature;
        }

        string number = text.Trim();
        bool isHex = number.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        bool isNumber = isHex
            ? uint.TryParse(number.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint signature)
            : uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out signature);
        return isNumber
            ? signature
            : throw new SevFormatException(
                text,
                "CPU model",
                $"neither a number nor one of {string.Join(", ", All.Select(candidate => candidate.Name))}");
    }
}
