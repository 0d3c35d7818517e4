using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class LaunchMeasureTests
{
    [Fact]
    public void Compute_VirteeAndSevToolReadme_Agrees()
    {
        JsonElement vector = Vectors.Json("virtee-sev/session.json").GetProperty("cases").EnumerateArray()
            .Single(entry => entry.GetProperty("id").GetString() == "launch-measure");
        JsonElement inputs = vector.GetProperty("inputs");

        byte[] measure = LaunchMeasure.Compute(
            inputs.Hex("tik"),
            Firmware(inputs),
            new SevPolicy(inputs.GetProperty("policy").GetUInt32()),
            inputs.Hex("launch_digest"),
            inputs.Hex("mnonce"));

        Assert.Equal(vector.Hex("expect"), measure);
    }

    [Fact]
    public void Compute_SevToolFullFlow_Agrees()
    {
        JsonElement expect = Vectors.Json("amd-sev-tool/full-flow/expect.json");

        byte[] measure = LaunchMeasure.Compute(
            expect.Hex("tik"),
            Firmware(expect),
            new SevPolicy(expect.GetProperty("policy").GetUInt32()),
            expect.Hex("launch_digest"),
            expect.Hex("mnonce"));

        Assert.Equal(expect.Hex("measure"), measure);
        Assert.Equal(Vectors.Bytes("amd-sev-tool/full-flow/calc_measurement_out.bin"), measure);
        Assert.Equal(Vectors.Text("amd-sev-tool/full-flow/calc_measurement_out.txt"), Convert.ToHexStringLower(measure));
    }

    [Fact]
    public void Compute_SevctlCases_Agree()
    {
        int count = 0;
        foreach (JsonElement vector in Vectors.Json("virtee-sevctl/measurement.json").GetProperty("cases").EnumerateArray())
        {
            JsonElement inputs = vector.GetProperty("inputs");
            byte[] nonce = inputs.Base64("nonce_b64");
            byte[] digest = inputs.TryGetProperty("firmware", out JsonElement firmware)
                ? SHA256.HashData(Vectors.Bytes($"virtee-sevctl/{firmware.GetString()}"))
                : inputs.Base64("launch_digest_b64");

            byte[] measure = LaunchMeasure.Compute(
                Vectors.Bytes($"virtee-sevctl/{inputs.GetProperty("tik").GetString()}"),
                Firmware(inputs),
                new SevPolicy(inputs.GetProperty("policy").GetUInt32()),
                digest,
                nonce);

            Assert.Equal(
                vector.GetProperty("expect_measure_and_nonce_b64").GetString(),
                LaunchMeasurement.Join(measure, nonce).ToString());
            count++;
        }

        Assert.Equal(2, count);
    }

    [Fact]
    public void Compute_VirtQemuSevValidateCases_Agree()
    {
        JsonElement vectors = Vectors.Json("libvirt-virt-qemu-sev-validate/measure.json");
        byte[] nonce = vectors.Hex("mnonce");
        int count = 0;
        foreach (JsonElement vector in vectors.GetProperty("cases").EnumerateArray())
        {
            JsonElement expect = vector.GetProperty("expect");
            SevPolicy policy = new(vector.GetProperty("inputs").GetProperty("policy").GetUInt32());
            byte[] digest = expect.Hex("launch_digest");
            LaunchMeasurement theirs = LaunchMeasurement.ParseBase64(expect.GetProperty("launch_measure_blob_b64").GetString()!, "blob");

            byte[] measure = LaunchMeasure.Compute(vectors.Hex("tik"), Firmware(vectors), policy, digest, nonce);

            Assert.Equal(expect.Hex("measure"), measure);
            Assert.Equal(measure, theirs.Measure.ToArray());
            Assert.Equal(nonce, theirs.Nonce.ToArray());
            Assert.Equal(
                CheckOutcome.Pass,
                LaunchMeasure.Verify(theirs, vectors.Hex("tik"), Firmware(vectors), policy, digest).Outcome);
            count++;
        }

        Assert.True(count >= 1);
    }

    [Fact]
    public void Verify_EveryBitFlipped_IsRefused()
    {
        JsonElement expect = Vectors.Json("amd-sev-tool/full-flow/expect.json");
        SevFirmwareVersion firmware = Firmware(expect);
        SevPolicy policy = new(7);
        byte[] tik = expect.Hex("tik");
        byte[] digest = expect.Hex("launch_digest");
        byte[] valid = [.. expect.Hex("measure"), .. expect.Hex("mnonce")];
        Assert.Equal(CheckOutcome.Pass, Verify(valid, tik, firmware, policy, digest));

        foreach ((int bit, byte[] damaged) in BitFlips.Of(valid))
        {
            Assert.True(Verify(damaged, tik, firmware, policy, digest) == CheckOutcome.Fail, $"measurement bit {bit}");
        }

        foreach ((int bit, byte[] damaged) in BitFlips.Of(tik))
        {
            Assert.True(Verify(valid, damaged, firmware, policy, digest) == CheckOutcome.Fail, $"TIK bit {bit}");
        }

        foreach ((int bit, byte[] damaged) in BitFlips.Of(digest))
        {
            Assert.True(Verify(valid, tik, firmware, policy, damaged) == CheckOutcome.Fail, $"digest bit {bit}");
        }

        for (int bit = 0; bit < 32; bit++)
        {
            Assert.Equal(CheckOutcome.Fail, Verify(valid, tik, firmware, new SevPolicy(7u ^ (1u << bit)), digest));
        }

        Assert.Equal(CheckOutcome.Fail, Verify(valid, tik, firmware with { Build = 16 }, policy, digest));
        Assert.Equal(CheckOutcome.Fail, Verify(valid, tik, firmware with { ApiMinor = 25 }, policy, digest));
        Assert.Equal(CheckOutcome.Fail, Verify(valid, tik, firmware with { ApiMajor = 1 }, policy, digest));

        static CheckOutcome Verify(byte[] blob, byte[] key, SevFirmwareVersion version, SevPolicy asked, byte[] launched) =>
            LaunchMeasure.Verify(LaunchMeasurement.Parse(blob, "blob"), key, version, asked, launched).Outcome;
    }

    [Theory]
    [InlineData(0, 16, false)]
    [InlineData(0, 17, true)]
    [InlineData(1, 0, true)]
    public void Compute_FirmwareBeforeApi017_LeavesTheVersionOut(byte major, byte minor, bool hasPrefix)
    {
        byte[] tik = [.. Enumerable.Range(0, 16).Select(value => (byte)value)];
        byte[] digest = SHA256.HashData([1]);
        byte[] nonce = SHA256.HashData([2])[..16];
        byte[] tail = [3, 0, 0, 0, .. digest, .. nonce];
        byte[] expected = HMACSHA256.HashData(tik, hasPrefix ? [4, major, minor, 9, .. tail] : tail);

        Assert.Equal(expected, LaunchMeasure.Compute(tik, new SevFirmwareVersion(major, minor, 9), new SevPolicy(3), digest, nonce));
    }

    [Fact]
    public void Compute_WrongLengths_AreRefused()
    {
        SevFirmwareVersion firmware = new(1, 55, 25);

        Assert.Throws<ArgumentException>(() => LaunchMeasure.Compute(new byte[32], firmware, default, new byte[32], new byte[16]));
        Assert.Throws<ArgumentException>(() => LaunchMeasure.Compute(new byte[16], firmware, default, new byte[48], new byte[16]));
        Assert.Throws<ArgumentException>(() => LaunchMeasure.Compute(new byte[16], firmware, default, new byte[32], new byte[8]));
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefusesOrFails()
    {
        byte[] tik = new byte[16];
        byte[] digest = new byte[32];
        byte[] nonce = new byte[16];
        SevFirmwareVersion firmware = new(1, 55, 25);
        byte[] valid = [.. LaunchMeasure.Compute(tik, firmware, default, digest, nonce), .. nonce];
        Fuzz.Truncate(valid, bytes => Assert.Throws<SevFormatException>(() => LaunchMeasurement.Parse(bytes, "fuzz")));
        Fuzz.Mutate([valid], bytes =>
        {
            CheckResult check = LaunchMeasure.Verify(LaunchMeasurement.Parse(bytes, "fuzz"), tik, firmware, default, digest);
            Assert.Equal(bytes.AsSpan().SequenceEqual(valid), check.Outcome == CheckOutcome.Pass);
        });
        Fuzz.Mutate(
            [System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(valid))],
            bytes => LaunchMeasurement.ParseBase64(System.Text.Encoding.Latin1.GetString(bytes), "fuzz"));
    }

    private static SevFirmwareVersion Firmware(JsonElement element) => new(
        element.GetProperty("api_major").GetByte(),
        element.GetProperty("api_minor").GetByte(),
        element.GetProperty("build").GetByte());
}
