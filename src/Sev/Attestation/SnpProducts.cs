using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>Which generation of processors a CPUID, a certificate or a URL speaks of.</summary>
public static class SnpProducts
{
    private const byte Zen3And4Family = 25;
    private const byte Zen5Family = 26;

    // Names in certificates that belong to a generation of another name.
    private static readonly (string Name, SevGeneration Generation)[] Names =
    [
        ("Milan", SevGeneration.Milan), ("Genoa", SevGeneration.Genoa), ("Bergamo", SevGeneration.Genoa), ("Siena", SevGeneration.Genoa),
        ("Turin", SevGeneration.Turin),
    ];

    /// <summary>The generation with that family and model; null for one that this program does not know.</summary>
    /// <param name="family">The family, base and extended added.</param>
    /// <param name="model">The model, base and extended joined.</param>
    public static SevGeneration? FromCpuid(byte family, byte model) => (family, model) switch
    {
        (Zen3And4Family, <= 0x0F) => SevGeneration.Milan,
        (Zen3And4Family, (>= 0x10 and <= 0x1F) or (>= 0xA0 and <= 0xAF)) => SevGeneration.Genoa,
        (Zen5Family, <= 0x11) => SevGeneration.Turin,
        _ => null,
    };

    /// <summary>The generation with that signature; null for one that this program does not know.</summary>
    /// <param name="signature">CPUID Fn0000_0001 EAX.</param>
    public static SevGeneration? FromSignature(uint signature)
    {
        const uint Extended = 15;
        uint family = signature >> 8 & 15;
        uint model = (signature >> 4 & 15) | (signature >> 12 & 0xF0);
        return family == Extended ? FromCpuid((byte)(family + (signature >> 20 & byte.MaxValue)), (byte)model) : null;
    }

    /// <summary>
    /// The generation that a name in a certificate or URL belongs to: <c>Milan-B0</c>, <c>Genoa</c>, <c>Siena</c>; null if unknown.
    /// </summary>
    /// <param name="name">The name.</param>
    public static SevGeneration? FromName(string name)
    {
        string stem = name.Split('-', 2)[0];
        foreach ((string known, SevGeneration generation) in Names)
        {
            if (known.Equals(stem, StringComparison.OrdinalIgnoreCase))
            {
                return generation;
            }
        }

        return null;
    }

    /// <summary>How TCB versions of that processor family are laid out.</summary>
    /// <param name="family">The family, base and extended added; 0 where a report does not say.</param>
    public static TcbLayout GetTcbLayout(byte family) => family >= Zen5Family ? TcbLayout.Turin : TcbLayout.MilanGenoa;

    /// <summary>How TCB versions of that generation are laid out.</summary>
    /// <param name="generation">The generation.</param>
    public static TcbLayout GetTcbLayout(SevGeneration generation) =>
        generation >= SevGeneration.Turin ? TcbLayout.Turin : TcbLayout.MilanGenoa;
}
