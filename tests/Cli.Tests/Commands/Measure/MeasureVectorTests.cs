using System.Text.Json;
using KvmSevVmm.Sev.Tests;
using KvmSevVmm.Sev.Tests.Firmware;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>What others computed, through the command line.</summary>
public sealed class MeasureVectorTests : IDisposable
{
    private const string Folder = "virtee-sev-snp-measure";
    private readonly TempDirectory _directory = new();

    public static TheoryData<string> SnpMeasureCases =>
    [
        "snp_ovmf_hash_only", "snp_ovmf_hash_gen_default", "snp_only", "snp_without_kernel_default", "snp_4vcpus_snp_only",
        "snp_ovmfx64_default", "snp_ovmfx64_and_kernel", "seves", "seves_ovmfx64_and_kernel", "sev", "sev_ovmfx64_no_kernel",
        "snp_gce_1vcpu", "snp_ec2_snp_only", "snp_ec2_default",
    ];

    public void Dispose() => _directory.Dispose();

    [Theory]
    [MemberData(nameof(SnpMeasureCases))]
    public void SnpMeasuresCases_AgreeToTheBit(string id)
    {
        JsonElement test = Vectors.Json($"{Folder}/launch_digests.json").GetProperty("cases").EnumerateArray()
            .Single(candidate => candidate.GetProperty("id").GetString() == id);
        string[] arguments = ["measure", .. ToOptions(test.GetProperty("inputs"))];
        string expected = test.GetProperty("expect").GetString()!;

        CliResult result = CliRunner.Run([.. arguments, "--quiet"]);

        if (expected.StartsWith("error: ", StringComparison.Ordinal))
        {
            Assert.Equal(ExitCode.BadInput, result.ExitCode);
            Assert.Contains("SEV hash area", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
            return;
        }

        Assert.Equal(expected + "\n", result.Output);
        Assert.Empty(result.Error);
        Assert.Equal(ExitCode.Success, result.ExitCode);
        Assert.Equal(ExitCode.Success, CliRunner.Run([.. arguments, "--expect", expected]).ExitCode);
        Assert.Equal(
            Convert.ToBase64String(Convert.FromHexString(expected)) + "\n",
            CliRunner.Run([.. arguments, "--output-format", "base64"]).Output);
    }

    // sev-snp-measure changed its EC2 VMSA; virtee/sev still asserts the first one. --expect finds that out.
    [Fact]
    public void Ec2AsItWasAtFirst_IsNamed()
    {
        JsonElement test = Vectors.Json($"{Folder}/launch_digests.json").GetProperty("cases").EnumerateArray()
            .Single(candidate => candidate.GetProperty("id").GetString() == "snp_ec2_snp_only");
        string old = test.GetProperty("note").GetString()!.Split(' ')[^1];

        CliResult result = CliRunner.Run(["measure", .. ToOptions(test.GetProperty("inputs")), "--expect", old]);

        Assert.Equal(ExitCode.Failure, result.ExitCode);
        Assert.Equal(
            "kvmsev: it comes out with: VMSA as Amazon EC2 as it was at first (RDX 0) instead of Amazon EC2", result.ErrorLines[^1]);
    }

    [Fact]
    public void SevctlsCases_AgreeToTheBit()
    {
        int count = 0;
        foreach (JsonElement test in Vectors.Json("virtee-sevctl/measurement.json").GetProperty("cases").EnumerateArray())
        {
            JsonElement inputs = test.GetProperty("inputs");
            string expected = test.GetProperty("expect_measure_and_nonce_b64").GetString()!;
            string[] subject = inputs.TryGetProperty("firmware", out JsonElement firmware)
                ? ["--firmware", Vectors.Path($"virtee-sevctl/{firmware.GetString()}")]
                : ["--launch-digest", inputs.GetProperty("launch_digest_b64").GetString()!];
            string[] arguments =
            [
                "measure", "--sev", $"sev,policy={inputs.GetProperty("policy").GetInt32()}", .. subject,
                "--tik", Vectors.Path($"virtee-sevctl/{inputs.GetProperty("tik").GetString()}"), "--firmware-version", Version(inputs),
            ];

            Assert.Equal(expected + "\n", CliRunner.Run([.. arguments, "--nonce", inputs.GetProperty("nonce_b64").GetString()!]).Output);
            Assert.Equal(ExitCode.Success, CliRunner.Run([.. arguments, "--measurement", expected]).ExitCode);
            count++;
        }

        Assert.Equal(2, count);
    }

    [Fact]
    public void SevToolsFlow_AgreesToTheBit()
    {
        JsonElement expect = Vectors.Json("amd-sev-tool/full-flow/expect.json");

        CliResult result = CliRunner.Run(
            "measure", "--sev", $"sev-es,policy={expect.GetProperty("policy").GetInt32()}",
            "--launch-digest", expect.GetProperty("launch_digest").GetString()!,
            "--tk", Vectors.Path("amd-sev-tool/full-flow/tmp_tk.bin"),
            "--firmware-version", Version(expect), "--nonce", expect.GetProperty("mnonce").GetString()!, "--format", "hex");

        Assert.Equal(expect.GetProperty("measure").GetString() + expect.GetProperty("mnonce").GetString() + "\n", result.Output);
    }

    [Fact]
    public void LibvirtsCase_OfDebiansOvmf_AgreesToTheBit()
    {
        JsonElement file = Vectors.Json("libvirt-virt-qemu-sev-validate/measure.json");
        JsonElement test = file.GetProperty("cases").EnumerateArray().Single();
        string firmware = DebianOvmf.Path(file.GetProperty("ovmf_debian").GetProperty("path").GetString()!);
        Assert.SkipUnless(
            System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(firmware)).AsSpan()
                .SequenceEqual(file.GetProperty("ovmf_debian").Hex("sha256")),
            $"{firmware} is not of {file.GetProperty("ovmf_debian").GetProperty("package").GetString()}");
        File.WriteAllBytes(_directory.File("tik"), file.Hex("tik"));

        CliResult result = CliRunner.Run(
            "measure", "--sev", "sev,policy=1", "--firmware", firmware, "--tik", _directory.File("tik"),
            "--firmware-version", Version(file), "--nonce", file.GetProperty("mnonce").GetString()!);

        Assert.Equal(test.GetProperty("expect").GetProperty("launch_measure_blob_b64").GetString() + "\n", result.Output);
    }

    [Fact]
    public void IdBlock_OfSnpMeasure_AgreesToTheBit()
    {
        JsonElement test = Vectors.Json($"{Folder}/idblock.json");
        JsonElement inputs = test.GetProperty("inputs");

        CliResult result = CliRunner.Run(
            "measure", "--sev", $"sev-snp,policy={inputs.GetProperty("policy").GetString()}",
            "--launch-digest", inputs.GetProperty("launch_digest_b64").GetString()!,
            "--id-key", Vectors.Path($"{Folder}/{inputs.GetProperty("id_key").GetString()}"),
            "--author-key", Vectors.Path($"{Folder}/{inputs.GetProperty("author_key").GetString()}"), "--json");

        JsonElement block = JsonDocument.Parse(result.Output).RootElement.GetProperty("idBlock");
        JsonElement expect = test.GetProperty("expect");
        Assert.Equal(expect.GetProperty("id_block_b64").GetString(), block.GetProperty("block").GetString());
        Assert.Equal(expect.Base64("id_key_digest_b64"), block.Hex("idKeyDigest"));
        Assert.Equal(expect.Base64("author_key_digest_b64"), block.Hex("authorKeyDigest"));
    }

    private string[] ToOptions(JsonElement inputs)
    {
        string mode = inputs.GetProperty("mode").GetString()!;
        List<string> options =
        [
            "--sev", mode.Split(':')[0], "--ovmf", Vectors.Path($"{Folder}/{inputs.GetProperty("ovmf").GetString()}"),
            "--vcpus", inputs.GetProperty("vcpus").ToString(), "--vmm-type", inputs.GetProperty("vmm").GetString()!,
        ];
        if (mode.EndsWith(":ovmf-hash", StringComparison.Ordinal))
        {
            options.Add("--firmware-only");
        }

        if (inputs.GetProperty("vcpu_sig").GetString() is string signature)
        {
            options.AddRange("--cpu-signature", signature);
        }

        // The origin measures SEV-ES without features whatever it is told.
        if (mode == "snp")
        {
            options.AddRange("--guest-features", inputs.GetProperty("guest_features").GetString()!);
        }

        if (inputs.TryGetProperty("snp_ovmf_hash", out JsonElement hash))
        {
            options.AddRange("--ovmf-hash", hash.GetString()!);
        }

        if (inputs.GetProperty("kernel").GetString() is not null)
        {
            string empty = _directory.File("empty");
            File.WriteAllBytes(empty, []);
            options.AddRange("--kernel", empty, "--initrd", empty, "--append", inputs.GetProperty("append").GetString()!);
        }

        return [.. options];
    }

    private static string Version(JsonElement element) =>
        $"{element.GetProperty("api_major")}.{element.GetProperty("api_minor")}.{element.GetProperty("build")}";
}
