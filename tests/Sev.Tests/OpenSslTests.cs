using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests;

/// <summary>What this code makes, checked by the <c>openssl</c> program; skipped, visibly, where it is not installed.</summary>
public sealed class OpenSslTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kvmsev-openssl-");

    [Fact]
    public void Sign_PdhCertificate_IsVerifiedByOpenSsl()
    {
        using TestPlatform platform = TestPlatform.Create();
        string key = Write("pek.pem", System.Text.Encoding.ASCII.GetBytes(platform.PekKey.ExportSubjectPublicKeyInfoPem()));
        string body = Write("body.bin", platform.Chain.Pdh.Body);
        Assert.True(AmdEcdsaSignature.TryToIeeeP1363(platform.Chain.Pdh.Signature1.Signature.Span, 48, out byte[] signature));
        string der = Write("signature.der", ToDer(signature));

        Assert.Contains("Verified OK", Run("dgst", "-sha256", "-verify", key, "-signature", der, body), StringComparison.Ordinal);
    }

    [Fact]
    public void Create_Ask_IsVerifiedByOpenSsl()
    {
        using TestPlatform platform = TestPlatform.Create();
        AmdCertificate ask = platform.Chain.Authority!.Ask;
        string key = Write("ark.pem", System.Text.Encoding.ASCII.GetBytes(platform.ArkKey.ExportSubjectPublicKeyInfoPem()));
        string body = Write("ask.body", ask.Body);
        byte[] signature = ask.Bytes[^256..].ToArray();
        Array.Reverse(signature);
        string raw = Write("ask.signature", signature);

        string output = Run(
            "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32",
            "-verify", key, "-signature", raw, body);

        Assert.Contains("Verified OK", output, StringComparison.Ordinal);
    }

    [Fact]
    public void GetFingerprint_Ark_IsOpenSslsHashOfTheKey()
    {
        string pem = Vectors.Path("virtee-sev/snp-ca/turin/ark.pem");
        string key = Write("turin.pem", System.Text.Encoding.ASCII.GetBytes(Run("x509", "-in", pem, "-noout", "-pubkey")));
        string der = Path.Combine(_folder.FullName, "turin.der");
        Run("pkey", "-pubin", "-in", key, "-outform", "DER", "-out", der);

        string fingerprint = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(der)));

        Assert.Equal(KnownRoots.All.Single(root => root.Generation == SevGeneration.Turin).KeyFingerprint, fingerprint);
    }

    [Fact]
    public void Wrap_Session_IsOpenSslsAesAndHmac()
    {
        using TestPlatform platform = TestPlatform.Create();
        using LaunchSession session = LaunchSession.Create(platform.Chain.Pdh, new SevPolicy(7), SystemRandomSource.Instance);
        using SessionSecrets secrets = SessionSecrets.Agree(platform.PdhKey, session.Godh.GetEcPublicKey(), session.Session.Nonce);
        string plain = Write("tk", session.Keys.Combined);
        string wrapped = Path.Combine(_folder.FullName, "wrapped");
        Run("enc", "-aes-128-ctr", "-K", Hex(secrets.Kek), "-iv", Hex(session.Session.WrapIv), "-in", plain, "-out", wrapped);
        string policy = Write("policy", [7, 0, 0, 0]);

        Assert.Equal(session.Session.WrappedKeys.ToArray(), File.ReadAllBytes(wrapped));
        Assert.Equal(Hex(session.Session.WrapMac), Hmac(secrets.Kik, wrapped));
        Assert.Equal(Hex(session.Session.PolicyMac), Hmac(session.Keys.Tik, policy));
    }

    [Fact]
    public void Package_Secret_IsOpenSslsAesAndHmac()
    {
        using TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        LaunchMeasurement measurement = LaunchMeasurement.Join(SHA256.HashData([1]), new byte[16]);
        byte[] table = SecretTable.ToBytes([new SecretEntry(Guid.NewGuid(), "a secret"u8.ToArray())]);
        TransportPacket packet = LaunchSecret.Package(keys, measurement, table, SystemRandomSource.Instance);
        string encrypted = Write("secret.enc", packet.Data);
        string plain = Path.Combine(_folder.FullName, "secret");
        Run("enc", "-d", "-aes-128-ctr", "-K", Hex(keys.Tek), "-iv", Hex(packet.Iv), "-in", encrypted, "-out", plain);
        byte[] length = BitConverter.GetBytes(table.Length);
        string message = Write("message", [1, 0, 0, 0, 0, .. packet.Iv, .. length, .. length, .. packet.Data, .. measurement.Measure]);

        Assert.Equal(table, File.ReadAllBytes(plain));
        Assert.Equal(Hex(packet.Mac), Hmac(keys.Tik, message));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    // SEQUENCE of two INTEGERs.
    private static byte[] ToDer(byte[] signature)
    {
        System.Formats.Asn1.AsnWriter writer = new(System.Formats.Asn1.AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteIntegerUnsigned(TrimZeros(signature.AsSpan(0, signature.Length / 2)));
            writer.WriteIntegerUnsigned(TrimZeros(signature.AsSpan(signature.Length / 2)));
        }

        return writer.Encode();
    }

    private static ReadOnlySpan<byte> TrimZeros(ReadOnlySpan<byte> number) => number[number.IndexOfAnyExcept((byte)0)..];

    private static string Run(params string[] arguments)
    {
        ProcessStartInfo start = new("openssl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        Process? process = null;
        try
        {
            process = Process.Start(start);
        }
        catch (Win32Exception)
        {
            Assert.Skip("the openssl program is not installed");
        }

        using (process)
        {
            string output = process!.StandardOutput.ReadToEnd();
            string words = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"openssl {string.Join(' ', arguments)}: {words}");
            return output;
        }
    }

    private static string Hmac(ReadOnlySpan<byte> key, string file) =>
        Run("dgst", "-sha256", "-mac", "HMAC", "-macopt", $"hexkey:{Hex(key)}", "-r", file).Split(' ')[0];

    private string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
