using System.Text;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

public sealed class AzureHclReportTests
{
    private const string Path = "coco-trustee/az/hcl-report.bin";

    [Fact]
    public void Parse_AzuresBlob_BindsItsRuntimeDataToTheReport()
    {
        AzureHclReport azure = AzureHclReport.Parse(Vectors.Bytes(Path), Path);

        Assert.StartsWith("{\"keys\":[{\"kid\":\"HCLAkPub\"", Encoding.ASCII.GetString(azure.RuntimeData), StringComparison.Ordinal);
        Assert.Equal(CheckOutcome.Pass, azure.CheckRuntimeData().Outcome);
        Assert.Equal("azure.runtime-data", azure.CheckRuntimeData().Name);
        Assert.Equal(2U, azure.Report.Version);
    }

    // Trustee: byte 0x6e0, in the run-time data, changed gives another digest than the report's.
    [Fact]
    public void CheckRuntimeData_TrusteesChangedByte_Fails()
    {
        byte[] bytes = Vectors.Bytes(Path);
        bytes[0x6E0]++;

        Assert.Equal(CheckOutcome.Fail, AzureHclReport.Parse(bytes, Path).CheckRuntimeData().Outcome);
    }

    [Fact]
    public void CheckRuntimeData_AnyBitFlippedBehindTheReport_IsRefused()
    {
        byte[] valid = Vectors.Bytes(Path);
        int start = (0x20 + SnpReport.Size) * 8;
        foreach ((int bit, byte[] damaged) in BitFlips.Of(valid).Skip(start))
        {
            try
            {
                Assert.True(AzureHclReport.Parse(damaged, Path).CheckRuntimeData().Outcome == CheckOutcome.Fail, $"bit {bit}");
            }
            catch (SevFormatException refusal)
            {
                Assert.False(string.IsNullOrEmpty(refusal.Field));
            }
        }
    }

    [Theory]
    [InlineData(0x00, "signature")]
    [InlineData(0x04, "header version")]
    [InlineData(0x0C, "request type")]
    [InlineData(0x4C0, "run-time data size")]
    [InlineData(0x4C4, "run-time data version")]
    [InlineData(0x4C8, "report type")]
    [InlineData(0x4CC, "hash type")]
    [InlineData(0x4D0, "run-time data size")]
    [InlineData(2599, "padding")]
    public void Parse_WrongField_IsNamed(int offset, string field)
    {
        byte[] bytes = Vectors.Bytes(Path);
        bytes[offset] ^= 0x80;

        Assert.Equal(field, Assert.Throws<SevFormatException>(() => AzureHclReport.Parse(bytes, Path)).Field);
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] valid = Vectors.Bytes(Path);
        Fuzz.Truncate(valid, bytes => AzureHclReport.Parse(bytes, "fuzz").CheckRuntimeData());
        Fuzz.Mutate([valid], bytes => AzureHclReport.Parse(bytes, "fuzz").CheckRuntimeData(), Fuzz.MutationCount / 4);
    }

    [Fact]
    public void Parse_ReportFiles_SayWhatWasFound()
    {
        byte[] report = SnpVectors.All[1].ReadReport().Bytes.ToArray();

        Assert.Equal("raw", SnpReportFile.Parse(report, "x").Container);
        Assert.Equal("base64", SnpReportFile.Parse(Encoding.ASCII.GetBytes(Convert.ToBase64String(report)), "x").Container);
        Assert.Equal("hex", SnpReportFile.Read(Vectors.Path("virtee-sev/snp/report_milan.hex")).Container);
        Assert.Equal("hex", SnpReportFile.Parse(Encoding.ASCII.GetBytes(Convert.ToHexString(report) + "\n"), "x").Container);
        SnpReportFile azure = SnpReportFile.Read(Vectors.Path(Path));
        Assert.Equal("Azure HCL blob", azure.Container);
        Assert.Equal(azure.Report.Bytes, azure.Azure!.Report.Bytes);
        Assert.Equal("report", Assert.Throws<SevFormatException>(() => SnpReportFile.Parse(report.AsSpan(1), "x")).Field);
        Assert.Throws<SevFormatException>(() => SnpReportFile.Parse([], "x"));
    }
}
