using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Reads the certificates of a platform and of its authority, in the files that people have.</summary>
internal static class CertificateFiles
{
    /// <summary>Reads one SEV certificate, raw or base64.</summary>
    /// <param name="option">The option or argument that named the file.</param>
    /// <param name="path">The file.</param>
    /// <param name="usage">What the certificate must be.</param>
    /// <exception cref="SevFormatException">It is none, or another.</exception>
    internal static SevCertificate ReadCertificate(string option, string path, SevKeyUsage usage)
    {
        EncodedBlob blob = InputBlob.Read(option, path, usage.ToName(), SevCertificate.Size);
        SevCertificate certificate = SevCertificate.Parse(blob.Bytes, path);
        return certificate.Usage == usage
            ? certificate
            : throw new SevFormatException(
                path, "pub_key_usage", $"a {certificate.Usage.ToName()} stands where {option} wants a {usage.ToName()}");
    }

    /// <summary>Reads AMD's <c>ask_ark</c> file, raw or base64.</summary>
    /// <param name="option">The option that named the file.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">It is none.</exception>
    private static AskArk ReadAskArk(string option, string path) =>
        AskArk.Parse(EncodedBlob.DecodeAny(InputBlob.ReadContent(option, path)).Bytes, path);

    /// <summary>Reads what <c>--cek</c> and <c>--ask-ark</c> name: what a platform's export lacks.</summary>
    /// <param name="cekPath">The CEK that AMD signed, or null.</param>
    /// <param name="authorityPath">AMD's <c>ask_ark</c> file, or null.</param>
    /// <exception cref="SevFormatException">A file holds something else.</exception>
    internal static (SevCertificate? Cek, AskArk? Authority) ReadMissing(string? cekPath, string? authorityPath) => (
        cekPath is null ? null : ReadCertificate("--cek", cekPath, SevKeyUsage.Cek),
        authorityPath is null ? null : ReadAskArk("--ask-ark", authorityPath));

    /// <summary>Reads a platform's chain: a file as sevctl writes it, or a directory as sev-tool fills it.</summary>
    /// <param name="option">The option or argument that named it.</param>
    /// <param name="path">The file or directory.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    internal static SevCertificateChain ReadChain(string option, string path, out BlobEncoding encoding)
    {
        if (Directory.Exists(path))
        {
            return SevCertificateChain.Read(path, out encoding);
        }

        EncodedBlob blob = EncodedBlob.DecodeAny(InputBlob.ReadContent(option, path));
        encoding = blob.Encoding;
        return SevCertificateChain.ParseExport(blob.Bytes, path);
    }

    /// <summary>Puts what only AMD has into a chain.</summary>
    /// <param name="chain">The chain as the platform exported it.</param>
    /// <param name="cek">The signed CEK, or null to keep the chain's.</param>
    /// <param name="cekPath">Where it came from, for messages.</param>
    /// <param name="authority">ASK and ARK, or null to keep the chain's.</param>
    /// <exception cref="SevFormatException">The signed CEK is another chip's.</exception>
    internal static SevCertificateChain Complete(SevCertificateChain chain, SevCertificate? cek, string? cekPath, AskArk? authority)
    {
        if (cek is not null && !cek.KeyField.SequenceEqual(chain.Cek.KeyField))
        {
            throw new SevFormatException(cekPath!, "pub_key", "the CEK is another chip's");
        }

        return chain with { Cek = cek ?? chain.Cek, Authority = authority ?? chain.Authority };
    }
}
