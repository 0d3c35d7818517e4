namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// A platform's certificates: PDH, PEK, OCA, CEK, and AMD's ASK and ARK where the export holds them. Immutable.
/// </summary>
/// <param name="Pdh">The platform's Diffie-Hellman key.</param>
/// <param name="Pek">The platform endorsement key.</param>
/// <param name="Oca">The owner's certificate authority.</param>
/// <param name="Cek">The chip endorsement key; unsigned as the platform exports it, signed as AMD's KDS hands it out.</param>
/// <param name="Authority">AMD's signing and root keys, or null.</param>
public sealed record SevCertificateChain(
    SevCertificate Pdh,
    SevCertificate Pek,
    SevCertificate Oca,
    SevCertificate Cek,
    AskArk? Authority = null)
{
    /// <summary>Bytes of PDH, PEK, OCA and CEK one after the other: what <c>sevctl export</c> writes.</summary>
    public const int ExportSize = 4 * SevCertificate.Size;

    /// <summary>Bytes of PEK, OCA and CEK: what the kernel's PDH_CERT_EXPORT and QEMU call the certificate chain.</summary>
    public const int PlatformChainSize = 3 * SevCertificate.Size;

    /// <summary>Reads the file that <c>sevctl export</c> writes (PDH‖PEK‖OCA‖CEK) or <c>sevctl export --full</c> (and ASK‖ARK).</summary>
    /// <param name="bytes">The file's content, decoded.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">A field is not what it must be, or the certificates stand in another order.</exception>
    public static SevCertificateChain ParseExport(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length < ExportSize)
        {
            throw new SevFormatException(input, "chain", $"PDH, PEK, OCA and CEK have {ExportSize} bytes, here are {bytes.Length}");
        }

        SevCertificateChain chain = ParsePlatformExport(
            bytes[..SevCertificate.Size],
            bytes[SevCertificate.Size..ExportSize],
            input,
            input);
        return bytes.Length == ExportSize
            ? chain
            : chain with { Authority = AskArk.Parse(bytes[ExportSize..], input) };
    }

    /// <summary>Reads what the kernel's PDH_CERT_EXPORT and QEMU's <c>query-sev-capabilities</c> give: the PDH, and PEK‖OCA‖CEK.</summary>
    /// <param name="pdh">The PDH, 2084 bytes.</param>
    /// <param name="chain">PEK, OCA and CEK, 6252 bytes.</param>
    /// <param name="pdhInput">What the first is, for messages.</param>
    /// <param name="chainInput">What the second is, for messages.</param>
    /// <exception cref="SevFormatException">A field is not what it must be, or the certificates stand in another order.</exception>
    public static SevCertificateChain ParsePlatformExport(
        ReadOnlySpan<byte> pdh,
        ReadOnlySpan<byte> chain,
        string pdhInput,
        string chainInput)
    {
        if (chain.Length != PlatformChainSize)
        {
            throw new SevFormatException(
                chainInput,
                "chain",
                $"PEK, OCA and CEK have {PlatformChainSize} bytes, here are {chain.Length}");
        }

        return new SevCertificateChain(
            ParseOne(pdh, SevKeyUsage.Pdh, pdhInput),
            ParseOne(chain[..SevCertificate.Size], SevKeyUsage.Pek, chainInput),
            ParseOne(chain.Slice(SevCertificate.Size, SevCertificate.Size), SevKeyUsage.Oca, chainInput),
            ParseOne(chain[(2 * SevCertificate.Size)..], SevKeyUsage.Cek, chainInput));
    }

    /// <summary>
    /// Reads a chain from a file as <c>sevctl export</c> writes it, raw or base64, or from a folder as
    /// <c>sev-tool --export_cert_chain</c> fills it (<c>pdh.cert</c>, <c>pek.cert</c>, <c>oca.cert</c>, <c>cek.cert</c>, and
    /// <c>ask.cert</c> with <c>ark.cert</c>, or <c>ask_ark.cert</c>, where they are).
    /// </summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="encoding">How the file held it; raw for a folder.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static SevCertificateChain Read(string path, out BlobEncoding encoding)
    {
        if (Directory.Exists(path))
        {
            encoding = BlobEncoding.Raw;
            return ReadFolder(path);
        }

        EncodedBlob blob = EncodedBlob.ReadFile(
            path,
            "chain",
            [ExportSize, .. AskArk.Sizes.Select(size => ExportSize + size)]);
        encoding = blob.Encoding;
        return ParseExport(blob.Bytes, path);
    }

    /// <summary>The file that <c>sevctl export</c> writes, with ASK and ARK where the chain has them.</summary>
    public byte[] ToExport() => [.. Pdh.Bytes, .. ToPlatformChain(), .. Authority?.ToBytes() ?? []];

    /// <summary>PEK, OCA and CEK: what the kernel's PDH_CERT_EXPORT and QEMU call the certificate chain.</summary>
    public byte[] ToPlatformChain() => [.. Pek.Bytes, .. Oca.Bytes, .. Cek.Bytes];

    private static SevCertificateChain ReadFolder(string path)
    {
        AskArk? authority = null;
        string joined = Path.Combine(path, "ask_ark.cert");
        string ask = Path.Combine(path, "ask.cert");
        string ark = Path.Combine(path, "ark.cert");
        if (File.Exists(ask) && File.Exists(ark))
        {
            authority = new AskArk(
                AmdCertificate.Parse(EncodedBlob.ReadFile(ask, "ASK", 832, 1600).Bytes, ask),
                AmdCertificate.Parse(EncodedBlob.ReadFile(ark, "ARK", 576, 832, 1600).Bytes, ark));
        }
        else if (File.Exists(joined))
        {
            authority = AskArk.Read(joined, out _);
        }

        return new SevCertificateChain(
            ReadOne(path, "pdh.cert", SevKeyUsage.Pdh),
            ReadOne(path, "pek.cert", SevKeyUsage.Pek),
            ReadOne(path, "oca.cert", SevKeyUsage.Oca),
            ReadOne(path, "cek.cert", SevKeyUsage.Cek),
            authority);
    }

    private static SevCertificate ReadOne(string folder, string name, SevKeyUsage usage)
    {
        string path = Path.Combine(folder, name);
        return ParseOne(EncodedBlob.ReadFile(path, usage.ToName(), SevCertificate.Size).Bytes, usage, path);
    }

    private static SevCertificate ParseOne(ReadOnlySpan<byte> bytes, SevKeyUsage usage, string input)
    {
        SevCertificate certificate = SevCertificate.Parse(bytes, $"{input} ({usage.ToName()})");
        return certificate.Usage == usage
            ? certificate
            : throw new SevFormatException(
                input,
                "pub_key_usage",
                $"a {certificate.Usage.ToName()} stands where the {usage.ToName()} belongs");
    }
}
