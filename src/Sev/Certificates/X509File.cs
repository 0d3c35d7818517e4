using System.Security.Cryptography;
using System.Text;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>Files with X.509 certificates: PEM with any number of them, or the DER of one.</summary>
public static class X509File
{
    /// <summary>Reads every certificate in a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">The file holds no certificate, or a malformed one.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<AmdX509Certificate> Read(string path) => Parse(EncodedBlob.ReadContent(path), path);

    /// <summary>Reads every certificate in a file's content, in the order in which they stand there.</summary>
    /// <param name="content">PEM or DER.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">There is no certificate, or a malformed one.</exception>
    public static IReadOnlyList<AmdX509Certificate> Parse(ReadOnlySpan<byte> content, string input)
    {
        const string Label = "CERTIFICATE";
        const byte DerSequence = 0x30;
        if (content is [DerSequence, >= 0x80, ..])
        {
            return [AmdX509Certificate.Parse(content, input)];
        }

        // PEM is text; bytes above 127 can only stand in the words around the blocks.
        ReadOnlySpan<char> text = Encoding.Latin1.GetString(content);
        List<AmdX509Certificate> certificates = [];
        while (PemEncoding.TryFind(text, out PemFields found))
        {
            if (text[found.Label].SequenceEqual(Label))
            {
                byte[] der = Convert.FromBase64String(text[found.Base64Data].ToString());
                certificates.Add(AmdX509Certificate.Parse(der, $"{input} (certificate {certificates.Count + 1})"));
            }

            text = text[found.Location.End..];
        }

        return certificates.Count > 0
            ? certificates
            : throw new SevFormatException(input, "certificate", "neither PEM with a CERTIFICATE block nor DER");
    }
}
