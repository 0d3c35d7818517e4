using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Attestation;

public sealed class GuestMessageTests
{
    private static readonly byte[] Key = SHA256.HashData("VMPCK0"u8);

    [Fact]
    public void Encrypt_Message_IsLaidOutAsTheAbiSays()
    {
        byte[] payload = [.. Enumerable.Range(0, 100).Select(value => (byte)value)];
        GuestMessage message = new(0x0102030405060708, GuestMessageType.ReportRequest, 1, 2, payload);

        byte[] bytes = message.Encrypt(Key);

        // Composed a second time, from the bare primitive.
        byte[] authenticated = new byte[0x30];
        Convert.FromHexString("0101600005016400000000000200").CopyTo(authenticated, 0);
        byte[] expected = new byte[100];
        byte[] tag = new byte[16];
        using AesGcm cipher = new(Key, 16);
        cipher.Encrypt(Convert.FromHexString("080706050403020100000000"), payload, expected, tag, authenticated);
        Assert.Equal(0x60 + 100, bytes.Length);
        Assert.Equal(tag, bytes[..16]);
        Assert.Equal(new byte[16], bytes[16..32]);
        Assert.Equal("08070605040302010000000000000000", Convert.ToHexStringLower(bytes.AsSpan(0x20, 16)));
        Assert.Equal(authenticated, bytes[0x30..0x60]);
        Assert.Equal(expected, bytes[0x60..]);
    }

    [Fact]
    public void Decrypt_ReportResponseInAPage_GivesTheReport()
    {
        byte[] answer = Vectors.Bytes("lit-sev-snp-utils/snp_report_msg_resp.bin");
        GuestMessage request = new(7, GuestMessageType.ReportRequest, 1, 0, new byte[96]);
        byte[] page = new GuestMessage(8, GuestMessageType.ReportResponse, 1, 0, answer).Encrypt(Key);
        Assert.Equal(4096, page.Length);

        GuestMessage response = GuestMessage.Decrypt(page, Key, "page");

        Assert.True(response.Answers(request));
        Assert.Equal(answer, response.Payload.ToArray());
        Assert.Equal(0U, SnpReportResponse.Parse(response.Payload.Span, "payload").Status);
        Assert.False((response with { SequenceNumber = 9 }).Answers(request));
        Assert.False((response with { Type = GuestMessageType.KeyResponse }).Answers(request));
        Assert.False((response with { KeyIndex = 1 }).Answers(request));
    }

    [Fact]
    public void Decrypt_AnyBitFlippedOrAnotherKey_IsRefused()
    {
        byte[] valid = new GuestMessage(1, GuestMessageType.KeyRequest, 1, 3, "payload"u8.ToArray()).Encrypt(Key);
        foreach ((int _, byte[] damaged) in BitFlips.Of(valid))
        {
            Assert.Throws<SevFormatException>(() => GuestMessage.Decrypt(damaged, Key, "damaged"));
        }

        Assert.Equal("tag", Assert.Throws<SevFormatException>(() => GuestMessage.Decrypt(valid, SHA256.HashData(Key), "x")).Field);
        Assert.Throws<ArgumentException>(() => GuestMessage.Decrypt(valid, Key.AsSpan(1), "x"));
        Assert.Throws<ArgumentException>(() => new GuestMessage(1, GuestMessageType.KeyRequest, 1, 0, new byte[4001]).Encrypt(Key));
    }

    [Fact]
    public void Decrypt_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] valid = new GuestMessage(1, GuestMessageType.KeyRequest, 1, 0, new byte[64]).Encrypt(Key);
        Fuzz.Truncate(valid, bytes => GuestMessage.Decrypt(bytes, Key, "fuzz"));
        Fuzz.Mutate([valid], bytes => GuestMessage.Decrypt(bytes, Key, "fuzz"), Fuzz.MutationCount / 4);
    }

    [Fact]
    public void Parse_ResponseThatRefuses_HasAStatusAndNoReport()
    {
        byte[] bytes = new SnpReportResponse(0x16, null).ToBytes();

        SnpReportResponse response = SnpReportResponse.Parse(bytes, "x");

        Assert.Equal((0x16U, null), (response.Status, response.Report));
        Assert.Contains(
            "status 0x16",
            Assert.Throws<SevFormatException>(() => SnpReportFile.Parse([.. bytes, .. new byte[4000 - bytes.Length]], "x")).Message,
            StringComparison.Ordinal);
    }
}
