using System.Buffers.Binary;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// The firmware's answer to a guest that asks for a report (MSG_REPORT_RSP), decrypted: status u32 ‖ report size u32 ‖ 24 reserved bytes
/// ‖ report; Linux's <c>/dev/sev-guest</c> returns it in 4000 bytes. Immutable.
/// </summary>
/// <param name="Status">The status: 0 for success, 0x16 for an invalid parameter, 0x27 for an invalid key selection.</param>
/// <param name="Report">The report; null when the status is not 0.</param>
/// <remarks>Source: AMD SNP ABI 56860, MSG_REPORT_RSP.</remarks>
public sealed record SnpReportResponse(uint Status, SnpReport? Report)
{
    /// <summary>Bytes before the report.</summary>
    public const int HeaderSize = 0x20;

    /// <summary>Reads an answer.</summary>
    /// <param name="bytes">The answer; after the report there may be zeros.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static SnpReportResponse Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length < HeaderSize)
        {
            throw new SevFormatException(input, "report response", $"{bytes.Length} bytes are fewer than its head's {HeaderSize}");
        }

        uint status = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (bytes[8..HeaderSize].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, "reserved at 0x8", "the bytes up to 0x20 are not zero");
        }

        if (status != 0)
        {
            return new SnpReportResponse(status, null);
        }

        if (size != SnpReport.Size || bytes.Length < HeaderSize + SnpReport.Size)
        {
            throw new SevFormatException(
                input,
                "report size",
                $"{size} in an answer of {bytes.Length} bytes: a report has {SnpReport.Size} and stands at 0x20");
        }

        if (bytes[(HeaderSize + SnpReport.Size)..].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, "padding", "the bytes after the report are not zero");
        }

        return new SnpReportResponse(status, SnpReport.Parse(bytes.Slice(HeaderSize, SnpReport.Size), input));
    }

    /// <summary>The answer as the firmware sends it: head and report.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderSize + (Report is null ? 0 : SnpReport.Size)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Status);
        if (Report is not null)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), SnpReport.Size);
            Report.Bytes.CopyTo(bytes.AsSpan(HeaderSize));
        }

        return bytes;
    }
}
