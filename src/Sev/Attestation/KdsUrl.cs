using System.Globalization;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// An address at AMD's key distribution service. Nothing here opens a connection: the address is for whoever may. Immutable.
/// </summary>
/// <remarks>Source: AMD VCEK/VLEK certificate and KDS interface specification 57230.</remarks>
public sealed class KdsUrl
{
    /// <summary>The service's host.</summary>
    public const string Host = "kdsintf.amd.com";

    private const string ChainName = "cert_chain";
    private const string RevocationName = "crl";
    private const string VlekName = "cert";
    private const int ChipIdSize = 64;
    private const int TurinIdSize = 8;

    private static readonly string[] SplNames = ["fmcSPL", "blSPL", "teeSPL", "snpSPL", "ucodeSPL"];

    private readonly byte[] _hardwareId;

    private KdsUrl(KdsResource resource, SnpSigningKey key, SevGeneration product, byte[] hardwareId, TcbVersion? tcb)
    {
        Resource = resource;
        Key = key;
        Product = product;
        _hardwareId = hardwareId;
        Tcb = tcb;
    }

    /// <summary>What is asked for.</summary>
    public KdsResource Resource { get; }

    /// <summary>Whose: the VCEK's hierarchy or the VLEK's.</summary>
    public SnpSigningKey Key { get; }

    /// <summary>Of which processors.</summary>
    public SevGeneration Product { get; }

    /// <summary>The chip's id, 64 bytes, on Turin 8; empty unless a VCEK is asked for.</summary>
    public ReadOnlySpan<byte> HardwareId => _hardwareId;

    /// <summary>The firmware that the key stands for; null unless a certificate is asked for.</summary>
    public TcbVersion? Tcb { get; }

    /// <summary>The address of the certificate that signed a report, or is said to have.</summary>
    /// <param name="report">The report.</param>
    /// <param name="product">Of which processors, for a report of version 2 that does not say.</param>
    /// <exception cref="SevFormatException">The processors are not known, the chip's id is masked, or no key of AMD's signed.</exception>
    public static KdsUrl ForReport(SnpReport report, SevGeneration? product)
    {
        SevGeneration generation = report.Generation ?? product
            ?? throw new SevFormatException("report", "product", "the report does not name the processor: say Milan, Genoa or Turin");
        if (report.SigningKey == SnpSigningKey.Vlek)
        {
            return ForVlek(generation, report.ReportedTcb);
        }

        if (report.SigningKey != SnpSigningKey.Vcek)
        {
            throw new SevFormatException("report", "signing key", $"{report.SigningKey} is neither VCEK nor VLEK");
        }

        return report.ChipId.ContainsAnyExcept((byte)0)
            ? ForVcek(generation, report.ChipId, report.ReportedTcb)
            : throw new SevFormatException("report", "chip id", "the host masks it: ask the host for the VCEK's certificate");
    }

    /// <summary>The address of a chip's certificate.</summary>
    /// <param name="product">Of which processors: Milan or later.</param>
    /// <param name="chipId">The chip's id, 64 bytes; on Turin 8, or 64 of which the first 8 count.</param>
    /// <param name="tcb">The firmware that the key stands for.</param>
    /// <exception cref="SevFormatException">The processors have no VCEK, or id or layout are not theirs.</exception>
    public static KdsUrl ForVcek(SevGeneration product, ReadOnlySpan<byte> chipId, TcbVersion tcb)
    {
        RequireTcb(product, tcb);
        bool isShort = product >= SevGeneration.Turin;
        if (chipId.Length != ChipIdSize && !(isShort && chipId.Length == TurinIdSize))
        {
            throw new SevFormatException("KDS URL", "chip id", $"{chipId.Length} bytes are not {product}'s");
        }

        return new KdsUrl(
            KdsResource.Certificate,
            SnpSigningKey.Vcek,
            product,
            chipId[..(isShort ? TurinIdSize : ChipIdSize)].ToArray(),
            tcb);
    }

    /// <summary>The address of a provider's certificate; the service gives it to that provider only.</summary>
    /// <param name="product">Of which processors: Milan or later.</param>
    /// <param name="tcb">The firmware that the key stands for.</param>
    /// <exception cref="SevFormatException">The processors have no VLEK, or the layout is not theirs.</exception>
    public static KdsUrl ForVlek(SevGeneration product, TcbVersion tcb)
    {
        RequireTcb(product, tcb);
        return new KdsUrl(KdsResource.Certificate, SnpSigningKey.Vlek, product, [], tcb);
    }

    /// <summary>The address of the certificates above an endorsement key, or of the list of revoked ones.</summary>
    /// <param name="resource">Which of the two.</param>
    /// <param name="key">Whose.</param>
    /// <param name="product">Of which processors: Milan or later.</param>
    /// <exception cref="SevFormatException">The processors have no such hierarchy.</exception>
    /// <exception cref="ArgumentException">A certificate was asked for, or the key is neither VCEK nor VLEK.</exception>
    public static KdsUrl ForAuthorities(KdsResource resource, SnpSigningKey key, SevGeneration product)
    {
        RequireProduct(product);
        return resource != KdsResource.Certificate && key is SnpSigningKey.Vcek or SnpSigningKey.Vlek
            ? new KdsUrl(resource, key, product, [], null)
            : throw new ArgumentException($"there is no {resource} of {key}", nameof(resource));
    }

    /// <summary>Reads an address.</summary>
    /// <param name="text">The address.</param>
    /// <exception cref="SevFormatException">It is not one of AMD's service, or a part of it is not what it must be.</exception>
    public static KdsUrl Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri))
        {
            throw new SevFormatException(text, "KDS URL", "no URL");
        }

        bool isBare = uri.IsDefaultPort && uri.UserInfo.Length == 0 && uri.Fragment.Length == 0;
        if (uri.Scheme != Uri.UriSchemeHttps || uri.Host != Host || !isBare)
        {
            throw new SevFormatException(text, "KDS URL", $"it does not start with https://{Host}/, or has a fragment");
        }

        string[] path = uri.AbsolutePath.Split('/');
        if (path.Length != 5 || path[2] != "v1" || path[1] is not ("vcek" or "vlek"))
        {
            throw new SevFormatException(text, "KDS URL path", "it is not /vcek/v1/PRODUCT/NAME or /vlek/v1/PRODUCT/NAME");
        }

        SnpSigningKey key = path[1] == "vcek" ? SnpSigningKey.Vcek : SnpSigningKey.Vlek;
        SevGeneration product = SnpProducts.FromName(path[3]) is { } found && found.ToString() == path[3]
            ? found
            : throw new SevFormatException(text, "KDS URL product", $"\"{path[3]}\" is not Milan, Genoa or Turin");
        if (path[4] is ChainName or RevocationName)
        {
            return uri.Query.Length == 0
                ? ForAuthorities(path[4] == ChainName ? KdsResource.CertificateChain : KdsResource.RevocationList, key, product)
                : throw new SevFormatException(text, "KDS URL query", $"{path[4]} takes none");
        }

        TcbVersion tcb = ParseQuery(uri.Query, product, text);
        if (key == SnpSigningKey.Vlek)
        {
            return path[4] == VlekName
                ? ForVlek(product, tcb)
                : throw new SevFormatException(text, "KDS URL path", $"\"{path[4]}\" is not \"{VlekName}\"");
        }

        int digits = (product >= SevGeneration.Turin ? TurinIdSize : ChipIdSize) * 2;
        return path[4].Length == digits && path[4].All(char.IsAsciiHexDigit)
            ? ForVcek(product, Convert.FromHexString(path[4]), tcb)
            : throw new SevFormatException(text, "KDS URL chip id", $"it does not have the {digits} hex digits of {product}'s ids");
    }

    /// <summary>The address.</summary>
    public override string ToString()
    {
        string start = $"https://{Host}/{(Key == SnpSigningKey.Vlek ? "vlek" : "vcek")}/v1/{Product}/";
        if (Tcb is not { } tcb)
        {
            return start + (Resource == KdsResource.CertificateChain ? ChainName : RevocationName);
        }

        string name = Key == SnpSigningKey.Vlek ? VlekName : Convert.ToHexStringLower(_hardwareId);
        string fmc = tcb.Fmc is { } number ? string.Create(CultureInfo.InvariantCulture, $"fmcSPL={number}&") : string.Empty;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{start}{name}?{fmc}blSPL={tcb.BootLoader}&teeSPL={tcb.Tee}&snpSPL={tcb.Snp}&ucodeSPL={tcb.Microcode}");
    }

    private static TcbVersion ParseQuery(string query, SevGeneration product, string text)
    {
        byte?[] numbers = new byte?[SplNames.Length];
        foreach (string item in query.TrimStart('?').Split('&'))
        {
            string[] halves = item.Split('=', 2);
            int index = Array.IndexOf(SplNames, halves[0]);
            if (index < 0 || halves.Length < 2 || numbers[index] is not null
                || !byte.TryParse(halves[1], NumberStyles.None, CultureInfo.InvariantCulture, out byte number))
            {
                throw new SevFormatException(text, "KDS URL query", $"\"{item}\" is unknown, doubled or no number from 0 to 255");
            }

            numbers[index] = number;
        }

        bool hasFmc = SnpProducts.GetTcbLayout(product) == TcbLayout.Turin;
        for (int index = 0; index < SplNames.Length; index++)
        {
            bool isWanted = index > 0 || hasFmc;
            if (numbers[index] is null == isWanted)
            {
                throw new SevFormatException(
                    text,
                    "KDS URL query",
                    $"{SplNames[index]} {(isWanted ? "is missing" : $"is none of {product}'s")}");
            }
        }

        return TcbVersion.Create(numbers[0], numbers[1]!.Value, numbers[2]!.Value, numbers[3]!.Value, numbers[4]!.Value);
    }

    private static void RequireTcb(SevGeneration product, TcbVersion tcb)
    {
        RequireProduct(product);
        if (tcb.Layout != SnpProducts.GetTcbLayout(product))
        {
            throw new SevFormatException("KDS URL", "TCB version", $"{tcb} is laid out in another way than {product}'s");
        }
    }

    private static void RequireProduct(SevGeneration product)
    {
        if (product < SevGeneration.Milan)
        {
            throw new SevFormatException("KDS URL", "product", $"{product} has no SEV-SNP");
        }
    }
}
