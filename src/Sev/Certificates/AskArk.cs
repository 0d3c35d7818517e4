namespace KvmSevVmm.Sev.Certificates;

/// <summary>AMD's certificate authority of one processor generation: the <c>ask_ark</c> file, the ASK and then the ARK.</summary>
/// <param name="Ask">AMD's signing key.</param>
/// <param name="Ark">AMD's root key.</param>
public sealed record AskArk(AmdCertificate Ask, AmdCertificate Ark)
{
    /// <summary>The sizes that an <c>ask_ark</c> file can have, in bytes; the second has Naples's ARK without its signature.</summary>
    internal static readonly int[] Sizes = [832 + 832, 832 + 576, 1600 + 1600];

    /// <summary>Reads an <c>ask_ark</c> file.</summary>
    /// <param name="bytes">ASK then ARK and nothing else.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">A field is not what it must be, or the certificates stand in another order.</exception>
    public static AskArk Parse(ReadOnlySpan<byte> bytes, string input)
    {
        AmdCertificate ask = AmdCertificate.ParsePrefix(bytes, $"{input} (ASK)", out int consumed);
        if (ask.Usage != SevKeyUsage.Ask)
        {
            throw new SevFormatException(input, "key_usage", $"the first certificate is an {ask.Usage.ToName()}, not an ASK");
        }

        AmdCertificate ark = AmdCertificate.Parse(bytes[consumed..], $"{input} (ARK)");
        return ark.Usage == SevKeyUsage.Ark
            ? new AskArk(ask, ark)
            : throw new SevFormatException(input, "key_usage", $"the second certificate is an {ark.Usage.ToName()}, not an ARK");
    }

    /// <summary>Reads an <c>ask_ark</c> file, raw or base64.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">A field is not what it must be, or the certificates stand in another order.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static AskArk Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "ask_ark", Sizes);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    /// <summary>The <c>ask_ark</c> file.</summary>
    public byte[] ToBytes() => [.. Ask.Bytes, .. Ark.Bytes];
}
