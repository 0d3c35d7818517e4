using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Text;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands;

/// <summary>X.509 certificates and lists of revoked ones, as files hold them: PEM with any number, or the DER of one.</summary>
/// <param name="Certificates">The certificates.</param>
/// <param name="Lists">The lists.</param>
internal sealed record X509Material(IReadOnlyList<AmdX509Certificate> Certificates, IReadOnlyList<CertificateRevocationList> Lists)
{
    private const string CertificateLabel = "CERTIFICATE";
    private const string ListLabel = "X509 CRL";

    /// <summary>Whether a file looks like X.509: PEM text, or a long DER sequence.</summary>
    /// <param name="content">The file's content.</param>
    internal static bool IsOne(ReadOnlySpan<byte> content) =>
        content is [0x30, 0x82, ..] || content.IndexOf("-----BEGIN "u8) >= 0;

    /// <summary>Reads everything in a file.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">There is neither, or a malformed one.</exception>
    internal static X509Material Parse(ReadOnlySpan<byte> content, string input)
    {
        if (content is [0x30, ..])
        {
            return IsList(content)
                ? new X509Material([], [CertificateRevocationList.Parse(content, input)])
                : new X509Material([AmdX509Certificate.Parse(content, input)], []);
        }

        List<CertificateRevocationList> lists = [];
        bool hasCertificates = false;

        // PEM is text; bytes above 127 can only stand in the words around the blocks.
        ReadOnlySpan<char> text = Encoding.Latin1.GetString(content);
        for (ReadOnlySpan<char> rest = text; PemEncoding.TryFind(rest, out PemFields found); rest = rest[found.Location.End..])
        {
            hasCertificates |= rest[found.Label].SequenceEqual(CertificateLabel);
            if (rest[found.Label].SequenceEqual(ListLabel))
            {
                byte[] der = Convert.FromBase64String(rest[found.Base64Data].ToString());
                lists.Add(CertificateRevocationList.Parse(der, $"{input} (list {lists.Count + 1})"));
            }
        }

        // Where there is neither, X509File says what is wrong.
        return new X509Material(hasCertificates || lists.Count == 0 ? X509File.Parse(content, input) : [], lists);
    }

    // A certificate's first member is an explicit version, [0]; a list's is an integer.
    private static bool IsList(ReadOnlySpan<byte> der)
    {
        try
        {
            AsnReader body = new AsnReader(der.ToArray(), AsnEncodingRules.DER).ReadSequence().ReadSequence();
            return body.HasData && body.PeekTag().HasSameClassAndValue(Asn1Tag.Integer);
        }
        catch (AsnContentException)
        {
            return false;
        }
    }
}
