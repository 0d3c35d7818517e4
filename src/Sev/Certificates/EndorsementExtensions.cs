using System.Formats.Asn1;
using System.Globalization;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>What AMD wrote into a VCEK or VLEK: the chip or the provider, and the firmware versions that the key stands for.</summary>
/// <remarks>Source: AMD VCEK/VLEK certificate and KDS interface specification 57230, X.509 extensions under 1.3.6.1.4.1.3704.1.</remarks>
public sealed record EndorsementExtensions
{
    private const string Prefix = "1.3.6.1.4.1.3704.1.";

    /// <summary>Version of the extensions' layout: 0, or 1 where there is an FMC version.</summary>
    public required int StructVersion { get; init; }

    /// <summary>The product and its stepping: <c>Milan-B0</c>.</summary>
    public required string ProductName { get; init; }

    /// <summary>Security version of the boot loader.</summary>
    public required byte BootLoader { get; init; }

    /// <summary>Security version of the PSP's operating system.</summary>
    public required byte Tee { get; init; }

    /// <summary>Security version of the SNP firmware.</summary>
    public required byte Snp { get; init; }

    /// <summary>Patch level of the microcode.</summary>
    public required byte Microcode { get; init; }

    /// <summary>Security version of the FMC firmware; null before Turin.</summary>
    public byte? Fmc { get; init; }

    /// <summary>The chip's id, 64 bytes, on Turin 8; null in a VLEK.</summary>
    public ReadOnlyMemory<byte>? HardwareId { get; init; }

    /// <summary>The cloud provider's name; null in a VCEK.</summary>
    public string? ProviderId { get; init; }

    /// <summary>Reads the extensions of a VCEK or VLEK.</summary>
    /// <param name="certificate">The certificate.</param>
    /// <exception cref="SevFormatException">An extension is missing or malformed.</exception>
    public static EndorsementExtensions Read(AmdX509Certificate certificate)
    {
        string input = certificate.Input;
        return new EndorsementExtensions
        {
            StructVersion = ReadByte(certificate, "1") ?? throw Missing(input, "1 (struct version)"),
            ProductName = ReadText(certificate, "2") ?? throw Missing(input, "2 (product name)"),
            BootLoader = ReadByte(certificate, "3.1") ?? throw Missing(input, "3.1 (boot loader SPL)"),
            Tee = ReadByte(certificate, "3.2") ?? throw Missing(input, "3.2 (TEE SPL)"),
            Snp = ReadByte(certificate, "3.3") ?? throw Missing(input, "3.3 (SNP SPL)"),
            Microcode = ReadByte(certificate, "3.8") ?? throw Missing(input, "3.8 (microcode SPL)"),
            Fmc = ReadByte(certificate, "3.9"),
            HardwareId = ReadHardwareId(certificate),
            ProviderId = ReadText(certificate, "5"),
        };
    }

    private static SevFormatException Missing(string input, string name) =>
        new(input, "extensions", $"{Prefix}{name} is missing: no VCEK and no VLEK");

    private static byte? ReadByte(AmdX509Certificate certificate, string arc)
    {
        if (!certificate.TryGetExtension(Prefix + arc, out ReadOnlyMemory<byte> value))
        {
            return null;
        }

        try
        {
            AsnReader reader = new(value, AsnEncodingRules.DER);
            bool isSmall = reader.TryReadInt32(out int number) && number is >= 0 and <= byte.MaxValue;
            reader.ThrowIfNotEmpty();
            return isSmall
                ? (byte)number
                : throw new SevFormatException(certificate.Input, Prefix + arc, "no number from 0 to 255");
        }
        catch (AsnContentException fault)
        {
            throw new SevFormatException(certificate.Input, Prefix + arc, "no INTEGER", fault);
        }
    }

    private static string? ReadText(AmdX509Certificate certificate, string arc)
    {
        if (!certificate.TryGetExtension(Prefix + arc, out ReadOnlyMemory<byte> value))
        {
            return null;
        }

        try
        {
            AsnReader reader = new(value, AsnEncodingRules.DER);
            UniversalTagNumber type = (UniversalTagNumber)reader.PeekTag().TagValue;
            string text = reader.ReadCharacterString(
                type is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString ? type : UniversalTagNumber.IA5String);
            reader.ThrowIfNotEmpty();
            return text;
        }
        catch (AsnContentException fault)
        {
            throw new SevFormatException(certificate.Input, Prefix + arc, "no character string", fault);
        }
    }

    // AMD's certificates hold the id bare in the extension; some issuers wrap it in an OCTET STRING of its own.
    private static ReadOnlyMemory<byte>? ReadHardwareId(AmdX509Certificate certificate)
    {
        const string Arc = "4";
        const byte OctetString = 0x04;
        if (!certificate.TryGetExtension(Prefix + Arc, out ReadOnlyMemory<byte> value))
        {
            return null;
        }

        ReadOnlyMemory<byte> id = value;
        if (id.Length is 66 or 10 && id.Span[0] == OctetString && id.Span[1] == id.Length - 2)
        {
            id = id[2..];
        }

        return id.Length is 64 or 8
            ? id
            : throw new SevFormatException(
                certificate.Input,
                Prefix + Arc,
                string.Create(CultureInfo.InvariantCulture, $"a hardware id has 64 or 8 bytes, not {value.Length}"));
    }
}
