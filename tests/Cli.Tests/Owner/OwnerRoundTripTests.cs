using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary>Platform, session, measurement, secret: the owner's side by command line, against a launch on the model.</summary>
public sealed class OwnerRoundTripTests : IDisposable
{
    private const string Entry = "736869e5-84f0-4973-92ec-06879ce3da0b";
    private const ulong SecretGpa = 0x20_0000;
    private readonly OwnerDirectory _owner = new();

    public void Dispose() => _owner.Dispose();

    [Fact]
    public void Measurement_OfTheRightLaunch_IsVerified_AndOfAnyOtherIsNot()
    {
        _owner.MakeSession();
        _owner.Launch((_, measurement) =>
        {
            Assert.Equal(0, Verify(measurement, _owner.Digest, "3", "1.55.25").ExitCode);

            AssertFails(Verify(measurement, OtherDigest(), "3", "1.55.25"), "measurement");
            AssertFails(Verify(measurement, _owner.Digest, "1", "1.55.25"), "measurement");
            AssertFails(Verify(measurement, _owner.Digest, "3", "1.55.24"), "measurement");
            OwnerDirectory.Succeed(
                "session", "create", _owner.File("platform.chain"), "--policy", "3", "--name", _owner.File("other"), "--allow-simulated");
            AssertFails(Verify(measurement, _owner.Digest, "3", "1.55.25", "other_tik.bin"), "measurement");
        });
    }

    [Fact]
    public void Measurement_WithAnyBitFlipped_IsRefused()
    {
        _owner.MakeSession();
        _owner.Launch((_, measurement) =>
        {
            for (int bit = 0; bit < LaunchMeasurement.Size * 8; bit++)
            {
                byte[] flipped = measurement.Bytes.ToArray();
                flipped[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.Equal(1, Verify(LaunchMeasurement.Parse(flipped, "flipped"), _owner.Digest, "3", "1.55.25").ExitCode);
            }
        });
    }

    [Fact]
    public void Secret_Table_ReachesTheGuest_AndAnyChangedByteDoesNot()
    {
        _owner.MakeSession();
        byte[] memory = new byte[64];
        _owner.Launch((guest, measurement) =>
        {
            string file = _owner.File("measurement.b64");
            File.WriteAllText(file, measurement + "\n");
            CliResult result = OwnerDirectory.Succeed(
                "secret", "package", "--measurement", file, "--tek", _owner.File("vm_tek.bin"), "--tik", _owner.File("vm_tik.bin"),
                "--entry", $"{Entry}:correct horse", "--header", _owner.File("header"), "--secret", _owner.File("secret"));
            Assert.Contains("measurement source: base64 file", result.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("horse", result.Output + result.Error, StringComparison.Ordinal);

            byte[] header = File.ReadAllBytes(_owner.File("header"));
            byte[] secret = File.ReadAllBytes(_owner.File("secret"));
            foreach (byte[] damaged in (byte[][])[header, secret])
            {
                damaged[5] ^= 1;
                byte[] other = new byte[64];
                Assert.Throws<SevCommandFailedException>(() => guest.InjectSecret(
                    TransportPacket.Parse(header, secret, "packet"), new GuestPiece(SecretGpa, 0, other)));
                damaged[5] ^= 1;
            }

            guest.InjectSecret(TransportPacket.Parse(header, secret, "packet"), new GuestPiece(SecretGpa, 0, memory));
        });

        SecretEntry entry = Assert.Single(SecretTable.Parse(memory, "memory"));
        Assert.Equal(Guid.Parse(Entry), entry.Id);
        Assert.Equal("correct horse"u8.ToArray(), entry.Data.ToArray());
    }

    [Fact]
    public void Secret_OfAnotherLaunch_IsRefused()
    {
        _owner.MakeSession();
        string first = string.Empty;
        _owner.Launch((_, measurement) => first = measurement.ToString());
        OwnerDirectory.Succeed(
            "secret", "package", "--measurement", first, "--tek", _owner.File("vm_tek.bin"), "--tik", _owner.File("vm_tik.bin"),
            "--entry", $"{Entry}:x", "--header", _owner.File("header"), "--secret", _owner.File("secret"));

        _owner.Launch((guest, _) =>
        {
            byte[] secret = File.ReadAllBytes(_owner.File("secret"));
            SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(() => guest.InjectSecret(
                TransportPacket.Parse(File.ReadAllBytes(_owner.File("header")), secret, "packet"),
                new GuestPiece(SecretGpa, 0, new byte[secret.Length])));
            Assert.Equal(PspStatus.BadMeasurement, refused.Status);
        });
    }

    [Fact]
    public void Session_AfterTheKeyWasRotated_IsRefused()
    {
        _owner.MakeSession();
        OwnerDirectory.Succeed("platform", "rotate", "--model", _owner.Model);

        Assert.Equal(
            PspStatus.BadMeasurement,
            Assert.Throws<SevCommandFailedException>(() => _owner.Launch(static (_, _) => { })).Status);
    }

    [Fact]
    public void LegacyReport_OfTheModel_IsVerifiedByItsExport()
    {
        _owner.MakeSession();
        string report = _owner.File("report.bin");
        string nonce = "000102030405060708090a0b0c0d0e0f";
        _owner.Launch((guest, _) => File.WriteAllBytes(report, guest.GetAttestationReport(Convert.FromHexString(nonce))));
        string[] verify =
        [
            "attest", "verify", report, "--certs", _owner.File("platform.chain"), "--nonce", nonce, "--digest", _owner.Digest,
            "--policy", "nodbg,noks",
        ];

        AssertFails(CliRunner.Run(verify), "ark.pinned");
        CliResult accepted = OwnerDirectory.Succeed([.. verify, "--allow-simulated"]);
        Assert.Contains("NOT AMD's", accepted.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("NOT CHECKED", accepted.Output, StringComparison.Ordinal);
        AssertFails(CliRunner.Run([.. verify[..6], "ff" + nonce[2..], "--allow-simulated"]), "report.nonce");
    }

    private string OtherDigest() => (_owner.Digest[0] == '0' ? "1" : "0") + _owner.Digest[1..];

    private CliResult Verify(LaunchMeasurement measurement, string digest, string policy, string firmware, string tik = "vm_tik.bin") =>
        CliRunner.Run(
            "attest", "verify", measurement.ToString(), "--tik", _owner.File(tik), "--digest", digest, "--policy", policy,
            "--firmware", firmware);

    private static void AssertFails(CliResult result, string check)
    {
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"FAIL        {check}: ", result.Output, StringComparison.Ordinal);
        Assert.Contains("result:      FAIL", result.Output, StringComparison.Ordinal);
    }
}
