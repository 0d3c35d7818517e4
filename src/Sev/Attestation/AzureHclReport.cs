using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// The blob in which Azure hands a confidential VM its report, through the vTPM: "HCLA" header of 32 bytes, report at 0x20, then at 0x4C0
/// {data size u32, version u32, report type u32, hash type u32, size u32} and run-time data, whose hash is in REPORT_DATA. Immutable.
/// </summary>
/// <remarks>Source: Azure's documentation of vTPM attestation; the layout as confidential-containers/trustee reads it.</remarks>
public sealed class AzureHclReport
{
    /// <summary>Bytes before the report.</summary>
    public const int HeaderSize = 0x20;

    private const int RuntimeHeaderOffset = HeaderSize + SnpReport.Size;
    private const int RuntimeHeaderSize = 20;
    private const int RuntimeOffset = RuntimeHeaderOffset + RuntimeHeaderSize;
    private const uint SnpReportType = 2;

    private readonly byte[] _runtimeData;

    private AzureHclReport(SnpReport report, HashAlgorithmName hash, byte[] runtimeData)
    {
        Report = report;
        Hash = hash;
        _runtimeData = runtimeData;
    }

    /// <summary>The report of the guest's privileged part; its REPORT_DATA is the hash of <see cref="RuntimeData"/>.</summary>
    public SnpReport Report { get; }

    /// <summary>The hash that binds the run-time data to the report.</summary>
    public HashAlgorithmName Hash { get; }

    /// <summary>The run-time data: JSON with the vTPM's keys.</summary>
    public ReadOnlySpan<byte> RuntimeData => _runtimeData;

    /// <summary>Whether a file looks like such a blob.</summary>
    /// <param name="bytes">The file's content.</param>
    public static bool IsOne(ReadOnlySpan<byte> bytes) => bytes.StartsWith("HCLA"u8);

    /// <summary>Reads a blob.</summary>
    /// <param name="bytes">The blob; after it there may be zeros.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">A field is not what it must be.</exception>
    public static AzureHclReport Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (!IsOne(bytes))
        {
            throw new SevFormatException(input, "signature", "the blob does not start with \"HCLA\"");
        }

        if (bytes.Length < RuntimeOffset)
        {
            throw new SevFormatException(input, "size", $"{bytes.Length} bytes are fewer than {RuntimeOffset}");
        }

        RequireOneOf(bytes, 0x04, input, "header version", 1, 2);
        RequireOneOf(bytes, 0x0C, input, "request type", SnpReportType);
        RequireOneOf(bytes, RuntimeHeaderOffset + 0x04, input, "run-time data version", 1);
        RequireOneOf(bytes, RuntimeHeaderOffset + 0x08, input, "report type", SnpReportType);
        HashAlgorithmName hash = RequireOneOf(bytes, RuntimeHeaderOffset + 0x0C, input, "hash type", 1, 2, 3) switch
        {
            1 => HashAlgorithmName.SHA256,
            2 => HashAlgorithmName.SHA384,
            _ => HashAlgorithmName.SHA512,
        };
        uint dataSize = BinaryPrimitives.ReadUInt32LittleEndian(bytes[RuntimeHeaderOffset..]);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(RuntimeHeaderOffset + 0x10)..]);
        ReadOnlySpan<byte> rest = bytes[RuntimeOffset..];
        if (size > rest.Length || dataSize != (ulong)size + RuntimeHeaderSize)
        {
            throw new SevFormatException(
                input,
                "run-time data size",
                $"{size} in a block of {dataSize}, where {rest.Length} bytes are left of the blob");
        }

        if (rest[(int)size..].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, "padding", "the bytes after the run-time data are not zero");
        }

        SnpReport report = SnpReport.Parse(bytes.Slice(HeaderSize, SnpReport.Size), input);
        return new AzureHclReport(report, hash, rest[..(int)size].ToArray());
    }

    /// <summary>Checks that the report's REPORT_DATA is the hash of the run-time data, followed by zeros.</summary>
    /// <returns>The check named <c>azure.runtime-data</c>.</returns>
    public CheckResult CheckRuntimeData()
    {
        const string Name = "azure.runtime-data";
        byte[] hash = CryptographicOperations.HashData(Hash, _runtimeData);
        bool isSame = Report.ReportData[..hash.Length].SequenceEqual(hash) && !Report.ReportData[hash.Length..].ContainsAnyExcept((byte)0);
        return isSame
            ? new CheckResult(Name, CheckOutcome.Pass, $"REPORT_DATA is the {Hash} of the {_runtimeData.Length} bytes of run-time data")
            : new CheckResult(
                Name,
                CheckOutcome.Fail,
                $"REPORT_DATA is {Convert.ToHexStringLower(Report.ReportData)}, "
                + $"the {Hash} of the run-time data {Convert.ToHexStringLower(hash)}");
    }

    private static uint RequireOneOf(ReadOnlySpan<byte> bytes, int offset, string input, string field, params ReadOnlySpan<uint> allowed)
    {
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);
        return allowed.Contains(value)
            ? value
            : throw new SevFormatException(input, field, $"{value} is not {string.Join(" or ", allowed.ToArray())}");
    }
}
