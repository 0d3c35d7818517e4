using System.Text;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>A report as people keep it in files, and in what it was wrapped.</summary>
/// <param name="Report">The report.</param>
/// <param name="Container">What was found: <c>raw</c>, <c>base64</c>, <c>hex</c>, <c>MSG_REPORT_RSP</c> or <c>Azure HCL blob</c>.</param>
/// <param name="Azure">The blob around it, when it is Azure's.</param>
public sealed record SnpReportFile(SnpReport Report, string Container, AzureHclReport? Azure)
{
    /// <summary>Reads a report from a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">The file holds no report.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SnpReportFile Read(string path) => Parse(EncodedBlob.ReadContent(path), path);

    /// <summary>Reads a report from a file's content.</summary>
    /// <param name="content">The content.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">The content holds no report.</exception>
    public static SnpReportFile Parse(ReadOnlySpan<byte> content, string input)
    {
        if (content.Length != SnpReport.Size && TryDecodeHex(content, out byte[] bytes))
        {
            return ParseBytes(bytes, "hex", input);
        }

        // A raw report is taken as it is, even one that happens to be all base64 characters.
        EncodedBlob blob = content.Length == SnpReport.Size
            ? new EncodedBlob(content.ToArray(), BlobEncoding.Raw)
            : EncodedBlob.DecodeAny(content);
        return ParseBytes(blob.Bytes, blob.EncodingName, input);
    }

    private static SnpReportFile ParseBytes(byte[] bytes, string encoding, string input)
    {
        if (AzureHclReport.IsOne(bytes))
        {
            AzureHclReport azure = AzureHclReport.Parse(bytes, input);
            return new SnpReportFile(azure.Report, "Azure HCL blob", azure);
        }

        if (bytes.Length <= SnpReport.Size)
        {
            return new SnpReportFile(SnpReport.Parse(bytes, input), encoding, null);
        }

        SnpReportResponse response = SnpReportResponse.Parse(bytes, input);
        return response.Report is { } report
            ? new SnpReportFile(report, "MSG_REPORT_RSP", null)
            : throw new SevFormatException(input, "status", $"the firmware refused the report with status 0x{response.Status:x}");
    }

    private static bool TryDecodeHex(ReadOnlySpan<byte> content, out byte[] bytes)
    {
        bytes = [];
        string text = Encoding.Latin1.GetString(content).Trim();
        if (text.Length != SnpReport.Size * 2 || !text.All(char.IsAsciiHexDigit))
        {
            return false;
        }

        bytes = Convert.FromHexString(text);
        return true;
    }
}
