using System.Text.Json;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Tests;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary>The verbs on what sevctl and sev-tool made.</summary>
public sealed class OwnerVectorTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Measurement_OfSevctl_IsVerified_FromTextAndFromRawAndBase64Files()
    {
        JsonElement vector = Vectors.Json("virtee-sevctl/measurement.json").GetProperty("cases")[0];
        JsonElement inputs = vector.GetProperty("inputs");
        string text = vector.GetProperty("expect_measure_and_nonce_b64").GetString()!;
        File.WriteAllText(_directory.File("base64"), text + "\n");
        File.WriteAllBytes(_directory.File("raw"), Convert.FromBase64String(text));
        foreach (string evidence in (string[])[text, _directory.File("base64"), _directory.File("raw")])
        {
            OwnerDirectory.Succeed(
                "attest", "verify", evidence, "--tik", Vectors.Path("virtee-sevctl/measurement/tik1.bin"), "--policy", "3",
                "--firmware", "1.40.40", "--digest", inputs.GetProperty("launch_digest_b64").GetString()!);
        }
    }

    [Fact]
    public void Measurement_OfSevTool_IsVerified()
    {
        JsonElement expected = Vectors.Json("amd-sev-tool/full-flow/expect.json");
        byte[] measurement = [.. expected.Hex("measure"), .. expected.Hex("mnonce")];

        OwnerDirectory.Succeed(
            "attest", "verify", Convert.ToBase64String(measurement), "--tk", Vectors.Path("amd-sev-tool/full-flow/tmp_tk.bin"),
            "--policy", "7", "--firmware", "0.24.15", "--digest", expected.GetProperty("launch_digest").GetString()!);
    }

    [Fact]
    public void Secret_ForSevctlsMeasurement_OpensToSevctlsTable()
    {
        JsonElement inputs = Vectors.Json("virtee-sevctl/secret.json").GetProperty("cases")[0].GetProperty("inputs");
        string tek = Vectors.Path("virtee-sevctl/secret/tek1.bin");
        string tik = Vectors.Path("virtee-sevctl/secret/tik1.bin");
        string secret = Vectors.Path("virtee-sevctl/secret/secret1.txt");
        LaunchMeasurement measurement = LaunchMeasurement.ParseBase64(inputs.GetProperty("launch_measure_blob_b64").GetString()!, "vector");

        OwnerDirectory.Succeed(
            "secret", "package", "--measurement", measurement.ToString(), "--tek", tek, "--tik", tik, "--base64",
            "--entry", $"736869e5-84f0-4973-92ec-06879ce3da0b={secret}",
            "--header", _directory.File("header"), "--secret", _directory.File("payload"));

        // The IV is drawn anew each time, so what sevctl made differs; what it opens to does not.
        using TransportKeys keys = TransportKeys.Read(tek, tik);
        JsonElement expected = Vectors.Json("virtee-sevctl/secret.json").GetProperty("cases")[0].GetProperty("expect");
        SecretOpening ours = Open(keys, Decode("header"), Decode("payload"), measurement);
        SecretOpening theirs = Open(keys, expected.Base64("header_b64"), expected.Base64("payload_b64"), measurement);
        Assert.Equal(PspStatus.Success, ours.Status);
        Assert.Equal(theirs.Secret, ours.Secret);
    }

    [Fact]
    public void Secret_ColonWithAFile_WarnsThatItIsTheText()
    {
        string secret = _directory.Kernel;
        File.WriteAllBytes(_directory.File("key"), new byte[16]);

        CliResult result = OwnerDirectory.Succeed(
            "secret", "package", "--measurement", Convert.ToBase64String(new byte[48]), "--tek", _directory.File("key"),
            "--tik", _directory.File("key"), "--entry", $"736869e5-84f0-4973-92ec-06879ce3da0b:{secret}",
            "--header", _directory.File("header"), "--secret", _directory.File("payload"));

        Assert.Contains("write GUID=FILE", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Secret_Limits_AreNamed()
    {
        File.WriteAllBytes(_directory.File("key"), new byte[16]);
        File.WriteAllBytes(_directory.File("large"), new byte[16385]);
        string[] package =
        [
            "secret", "package", "--measurement", Convert.ToBase64String(new byte[48]), "--tek", _directory.File("key"),
            "--tik", _directory.File("key"), "--header", _directory.File("header"), "--secret", _directory.File("payload"),
        ];

        CliRunner.Run([.. package, "--input", _directory.File("large")]).AssertFailure(
            65, "secret: length: 16400 bytes: it must be a multiple of 16 from 16 to 16384");
        CliRunner.Run([.. package, "--file", $"../etc/passwd={_directory.File("key")}"]).AssertFailure(
            65, "secret: file name: \"../etc/passwd\" is no path of a file below the guest's root");
        CliRunner.Run([.. package, "--entry", "disk=x"]).AssertFailure(
            64, "--entry: 'disk=x' is neither GUID=FILE nor GUID:TEXT",
            "a GUID looks like 736869e5-84f0-4973-92ec-06879ce3da0b (Linux's name for a disk's passphrase)");
        CliRunner.Run(package).AssertFailure(64, "--format table needs --entry GUID=FILE");
        Assert.Equal(["key", "large"], _directory.Names);
    }

    private byte[] Decode(string name) => Convert.FromBase64String(File.ReadAllText(_directory.File(name)).Trim());

    private static SecretOpening Open(TransportKeys keys, byte[] header, byte[] data, LaunchMeasurement measurement) =>
        LaunchSecret.Open(keys, header, data, (uint)data.Length, measurement.Measure);
}
