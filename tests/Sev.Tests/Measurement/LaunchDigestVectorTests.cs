using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Tests.Firmware;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

/// <summary>Launch digests that others computed: sev-snp-measure, sevctl, virt-qemu-sev-validate, gce-tcb-verifier.</summary>
public sealed class LaunchDigestVectorTests
{
    private const string Folder = "virtee-sev-snp-measure";

    public static TheoryData<string> SnpMeasureCases =>
    [
        "snp_ovmf_hash_only", "snp_ovmf_hash_gen_default", "snp_only", "snp_without_kernel_default", "snp_4vcpus_snp_only",
        "snp_ovmfx64_default", "snp_ovmfx64_and_kernel", "seves", "seves_ovmfx64_and_kernel", "sev", "sev_ovmfx64_no_kernel",
        "snp_gce_1vcpu", "snp_ec2_snp_only", "snp_ec2_default",
    ];

    [Theory]
    [MemberData(nameof(SnpMeasureCases))]
    public void Compute_SnpMeasuresCases_AgreeToTheBit(string id)
    {
        JsonElement test = GetCase(id);
        JsonElement inputs = test.GetProperty("inputs");
        string expected = test.GetProperty("expect").GetString()!;
        if (inputs.GetProperty("mode").GetString() == "snp:ovmf-hash")
        {
            Assert.Equal(expected, Convert.ToHexStringLower(LaunchDigests.ComputeSnpFirmware(ReadInputs(inputs).Firmware)));
            return;
        }

        if (expected.StartsWith("error: ", StringComparison.Ordinal))
        {
            SevFormatException refusal = Assert.Throws<SevFormatException>(() => LaunchDigests.Compute(ReadInputs(inputs)));
            Assert.Equal("SEV hash area", refusal.Field);
            return;
        }

        Assert.Equal(expected, Convert.ToHexStringLower(LaunchDigests.Compute(ReadInputs(inputs))));
    }

    [Fact]
    public void SnpMeasuresCases_AllOfThem_AreTested()
    {
        IEnumerable<string> ids = Vectors.Json($"{Folder}/launch_digests.json").GetProperty("cases").EnumerateArray()
            .Select(test => test.GetProperty("id").GetString()!);

        Assert.Equal(SnpMeasureCases.Select(row => (string)row.Data).Order(), ids.Order());
    }

    // sev-snp-measure changed its EC2 VMSA; virtee/sev still asserts the first one.
    [Theory]
    [InlineData("snp_ec2_snp_only")]
    [InlineData("snp_ec2_default")]
    public void Compute_Ec2AsItWasAtFirst_AgreesWithVirtee(string id)
    {
        JsonElement test = GetCase(id);
        string note = test.GetProperty("note").GetString()!;

        LaunchInputs inputs = ReadInputs(test.GetProperty("inputs")) with { Profile = VmsaProfile.Ec2Early };

        Assert.EndsWith(Convert.ToHexStringLower(LaunchDigests.Compute(inputs)), note, StringComparison.Ordinal);
    }

    [Fact]
    public void Update_GcesPages_GiveGcesDigest()
    {
        JsonElement test = Vectors.Json("google-gce-tcb-verifier/pageinfo.json");
        byte[] data = new byte[3 * 4096];
        "LGTMLGTMLGTMLGTM"u8.CopyTo(data);
        "LGTMLGTMLGTMLGTM"u8.CopyTo(data.AsSpan(data.Length - 16));
        SnpLaunchDigest digest = new(test.GetProperty("inputs").Hex("initial_digest"));

        digest.UpdateNormal(0, data, "data");

        Assert.Equal(test.GetProperty("expect").GetString(), Convert.ToHexStringLower(digest.Digest));
    }

    [Fact]
    public void Compute_SevctlsFirmware_GivesItsMeasurement()
    {
        JsonElement test = Vectors.Json("virtee-sevctl/measurement.json").GetProperty("cases").EnumerateArray()
            .Single(candidate => candidate.GetProperty("id").GetString() == "firmware");
        JsonElement inputs = test.GetProperty("inputs");
        byte[] digest = LaunchDigests.Compute(new LaunchInputs
        {
            Mode = LaunchMode.Sev,
            Firmware = OvmfFirmware.Read(Vectors.Path("virtee-sevctl/" + inputs.GetProperty("firmware").GetString())),
        });
        byte[] nonce = inputs.Base64("nonce_b64");

        byte[] measure = LaunchMeasure.Compute(
            Vectors.Bytes("virtee-sevctl/" + inputs.GetProperty("tik").GetString()),
            new SevFirmwareVersion(
                inputs.GetProperty("api_major").GetByte(),
                inputs.GetProperty("api_minor").GetByte(),
                inputs.GetProperty("build").GetByte()),
            new SevPolicy(inputs.GetProperty("policy").GetUInt32()),
            digest,
            nonce);

        Assert.Equal(test.Base64("expect_measure_and_nonce_b64"), (byte[])[.. measure, .. nonce]);
    }

    [Fact]
    public void Compute_DebiansOvmf_GivesLibvirtsDigestAndMeasurement()
    {
        JsonElement file = Vectors.Json("libvirt-virt-qemu-sev-validate/measure.json");
        JsonElement test = file.GetProperty("cases").EnumerateArray().Single();
        JsonElement image = file.GetProperty("ovmf_debian");
        string path = DebianOvmf.Path(image.GetProperty("path").GetString()!);
        Assert.SkipUnless(
            SHA256.HashData(File.ReadAllBytes(path)).AsSpan().SequenceEqual(image.Hex("sha256")),
            $"{path} is not of {image.GetProperty("package").GetString()}");

        byte[] digest = LaunchDigests.Compute(new LaunchInputs { Mode = LaunchMode.Sev, Firmware = OvmfFirmware.Read(path) });
        byte[] measure = LaunchMeasure.Compute(
            file.Hex("tik"),
            new SevFirmwareVersion(
                file.GetProperty("api_major").GetByte(),
                file.GetProperty("api_minor").GetByte(),
                file.GetProperty("build").GetByte()),
            new SevPolicy(test.GetProperty("inputs").GetProperty("policy").GetUInt32()),
            digest,
            file.Hex("mnonce"));

        Assert.Equal(test.GetProperty("expect").Hex("launch_digest"), digest);
        Assert.Equal(test.GetProperty("expect").Hex("measure"), measure);
        Assert.Equal(test.GetProperty("expect").Base64("launch_measure_blob_b64"), (byte[])[.. measure, .. file.Hex("mnonce")]);
    }

    internal static JsonElement GetCase(string id) => Vectors.Json($"{Folder}/launch_digests.json").GetProperty("cases").EnumerateArray()
        .Single(candidate => candidate.GetProperty("id").GetString() == id);

    internal static LaunchInputs ReadInputs(JsonElement inputs)
    {
        LaunchMode mode = inputs.GetProperty("mode").GetString() switch
        {
            "sev" => LaunchMode.Sev,
            "seves" => LaunchMode.SevEs,
            _ => LaunchMode.Snp,
        };
        return new LaunchInputs
        {
            Mode = mode,
            Firmware = OvmfFirmware.Read(Vectors.Path($"{Folder}/{inputs.GetProperty("ovmf").GetString()}")),
            Kernel = ReadKernel(inputs),
            VcpuCount = inputs.GetProperty("vcpus").GetInt32(),
            CpuSignature = inputs.GetProperty("vcpu_sig").GetString() is { } signature ? CpuModels.Parse(signature) : 0,
            Profile = inputs.GetProperty("vmm").GetString() switch
            {
                "ec2" => VmsaProfile.Ec2,
                "gce" => VmsaProfile.Gce,
                _ => VmsaProfile.QemuInit2,
            },

            // The origin measures SEV-ES without features whatever it is told.
            SevFeatures = mode == LaunchMode.Snp
                ? ulong.Parse(inputs.GetProperty("guest_features").GetString()![2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                : null,
            FirmwareDigest = inputs.TryGetProperty("snp_ovmf_hash", out _) ? inputs.Hex("snp_ovmf_hash") : (ReadOnlyMemory<byte>?)null,
        };
    }

    private static KernelHashes? ReadKernel(JsonElement inputs)
    {
        if (inputs.GetProperty("kernel").GetString() is not { } kernel)
        {
            return null;
        }

        Assert.Equal("empty", kernel);
        Assert.Equal("empty", inputs.GetProperty("initrd").GetString());
        return KernelHashes.Compute(Stream.Null, Stream.Null, inputs.GetProperty("append").GetString());
    }
}
