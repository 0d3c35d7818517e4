using System.Text;
using Xunit;

namespace KvmSevVmm.Sev.Tests;

public sealed class EncodedBlobTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 16).Select(value => (byte)(value * 16))];

    [Fact]
    public void Decode_RawOrBase64_SaysWhich()
    {
        EncodedBlob raw = EncodedBlob.Decode(Key, "tik.bin", "TIK", 16);
        EncodedBlob text = EncodedBlob.Decode(Encoding.ASCII.GetBytes(Convert.ToBase64String(Key) + "\n"), "tik.b64", "TIK", 16);

        Assert.Equal((BlobEncoding.Raw, "raw"), (raw.Encoding, raw.EncodingName));
        Assert.Equal((BlobEncoding.Base64, "base64"), (text.Encoding, text.EncodingName));
        Assert.Equal(Key, raw.Bytes);
        Assert.Equal(Key, text.Bytes);
    }

    [Fact]
    public void Decode_LinesOfBase64_AreJoined()
    {
        byte[] long1 = new byte[2084];
        string text = Convert.ToBase64String(long1, Base64FormattingOptions.InsertLineBreaks);

        Assert.Equal(long1, EncodedBlob.Decode(Encoding.ASCII.GetBytes(text), "x", "certificate", 2084).Bytes);
    }

    [Theory]
    [InlineData("", "0 bytes, and no base64: 16 or 32 bytes wanted, raw or as base64")]
    [InlineData("AAAA", "base64 of 3 bytes: 16 or 32 bytes wanted, raw or as base64")]
    [InlineData("not base64!", "11 bytes, and no base64: 16 or 32 bytes wanted, raw or as base64")]
    [InlineData("AAAAA", "5 bytes, and no base64: 16 or 32 bytes wanted, raw or as base64")]
    [InlineData("\n\n", "2 bytes, and no base64: 16 or 32 bytes wanted, raw or as base64")]
    public void Decode_NeitherFits_SaysWhatWasFound(string content, string problem)
    {
        SevFormatException refusal = Assert.Throws<SevFormatException>(
            () => EncodedBlob.Decode(Encoding.ASCII.GetBytes(content), "tk.bin", "TEK and TIK", 16, 32));

        Assert.Equal($"tk.bin: TEK and TIK: {problem}", refusal.Message);
    }

    [Fact]
    public void DecodeAny_TextAndBytes_AreToldApart()
    {
        Assert.Equal(BlobEncoding.Base64, EncodedBlob.DecodeAny("AAAA"u8).Encoding);
        Assert.Equal(BlobEncoding.Raw, EncodedBlob.DecodeAny([0x41, 0x41, 0x41, 0x80]).Encoding);
    }

    [Fact]
    public void ReadContent_HugeFile_IsRefusedUnread()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (FileStream file = File.OpenWrite(path))
            {
                file.SetLength(EncodedBlob.MaximumFileSize + 1);
            }

            Assert.Equal("size", Assert.Throws<SevFormatException>(() => EncodedBlob.ReadContent(path)).Field);
            using (FileStream file = File.OpenWrite(path))
            {
                file.SetLength(EncodedBlob.MaximumFileSize);
            }

            Assert.Equal(EncodedBlob.MaximumFileSize, EncodedBlob.ReadContent(path).Length);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
