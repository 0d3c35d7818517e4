using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

public sealed class CertificateTableTests
{
    [Fact]
    public void Ids_GoogleSevGuests_AreTheSame()
    {
        JsonElement ids = Vectors.Json("google-go-sev-guest/kds.json").GetProperty("cert_table_guids");

        Assert.Equal(ids.GetProperty("vcek").GetGuid(), CertificateTable.Vcek);
        Assert.Equal(ids.GetProperty("vlek").GetGuid(), CertificateTable.Vlek);
        Assert.Equal(ids.GetProperty("ask_or_asvk").GetGuid(), CertificateTable.Ask);
        Assert.Equal(ids.GetProperty("ark").GetGuid(), CertificateTable.Ark);
    }

    [Fact]
    public void ToBytes_OneEntry_IsLaidOutAsTheGhcbSpecificationSays()
    {
        byte[] bytes = new CertificateTable([new CertificateTableEntry(CertificateTable.Vcek, new byte[] { 7, 8, 9 })]).ToBytes();

        Assert.Equal(
            "63da758de6644564adc5f4b93be8accd" + "30000000" + "03000000" + new string('0', 48) + "070809",
            Convert.ToHexStringLower(bytes));
    }

    [Fact]
    public void Parse_RealCertificates_GiveAChainThatVerifies()
    {
        SnpVector vector = SnpVectors.All[0];
        AmdX509Chain chain = vector.ReadChain();
        CertificateTable table = new(
        [
            new CertificateTableEntry(CertificateTable.Vcek, chain.Endorsement!.Bytes.ToArray()),
            new CertificateTableEntry(new Guid("00112233-4455-6677-8899-aabbccddeeff"), new byte[] { 1 }),
            new CertificateTableEntry(CertificateTable.Ask, chain.Signer.Bytes.ToArray()),
            new CertificateTableEntry(CertificateTable.Ark, System.Text.Encoding.ASCII.GetBytes(chain.Ark.ToPem())),
        ]);

        // As a page of the host's: zeros after it.
        CertificateTable parsed = CertificateTable.Parse([.. table.ToBytes(), .. new byte[100]], "table");

        Assert.Equal(table.Entries.Select(entry => entry.Id), parsed.Entries.Select(entry => entry.Id));
        Assert.Equal(
            ["VCEK", "00112233-4455-6677-8899-aabbccddeeff", "ASK", "ARK"],
            parsed.Entries.Select(entry => CertificateTable.GetName(entry.Id)));
        AmdX509Chain read = AmdX509Chain.Assemble(parsed.ReadCertificates("table"), "table");
        Assert.False(SnpReportVerifier.Verify(vector.ReadReport(), vector.Expect() with { Chain = read }).HasFailures);
    }

    [Fact]
    public void Parse_BrokenTable_NamesTheCertificate()
    {
        byte[] valid = MakeTable();
        Assert.Empty(CertificateTable.Parse(new byte[24], "empty").Entries);
        Assert.Equal("certificate table", FieldOf(new byte[23]));
        Assert.Equal("certificate table", FieldOf(valid[..48]));
        Assert.Equal("certificate VCEK", FieldOf(Change(valid, 16, 0)));
        Assert.Equal("certificate VCEK", FieldOf(Change(valid, 20, 0)));
        Assert.Equal("certificate VLEK", FieldOf(valid[..^1]));
        Assert.Equal("certificate VLEK", FieldOf(Change(valid, 24 + 19, 0xFF)));
        byte[] twice = [.. valid];
        valid.AsSpan(0, 16).CopyTo(twice.AsSpan(24));
        Assert.Equal("certificate VCEK", FieldOf(twice));
        Assert.Throws<SevFormatException>(() => CertificateTable.Parse(valid, "x").ReadCertificates("x"));

        static string FieldOf(byte[] bytes) => Assert.Throws<SevFormatException>(() => CertificateTable.Parse(bytes, "x")).Field;
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] valid = MakeTable();
        Fuzz.Truncate(valid, Use);
        Fuzz.Mutate([valid], Use, Fuzz.MutationCount / 4);

        static void Use(byte[] bytes)
        {
            CertificateTable table = CertificateTable.Parse(bytes, "fuzz");
            Assert.Equal(table.Entries.Count, CertificateTable.Parse(table.ToBytes(), "again").Entries.Count);
            _ = table.ReadCertificates("fuzz");
        }
    }

    private static byte[] MakeTable() => new CertificateTable(
    [
        new CertificateTableEntry(CertificateTable.Vcek, new byte[] { 1, 2, 3 }),
        new CertificateTableEntry(CertificateTable.Vlek, new byte[] { 4, 5 }),
    ]).ToBytes();

    private static byte[] Change(byte[] valid, int offset, byte value)
    {
        byte[] changed = [.. valid];
        changed[offset] = value;
        return changed;
    }
}
