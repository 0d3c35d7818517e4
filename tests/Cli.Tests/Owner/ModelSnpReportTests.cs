using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary><c>attest verify</c> on reports of the model's SNP guests, with the certificates that <c>platform export</c> wrote.</summary>
public sealed class ModelSnpReportTests : IDisposable
{
    private const string ReportData = "0102030405060708";
    private readonly TempDirectory _directory = new();

    public ModelSnpReportTests()
    {
        OwnerDirectory.Succeed(
            "platform", "export", "--out-dir", _directory.File("certs"), "--model", _directory.File("psp"));
        using SoftwarePsp psp = SoftwarePsp.Open(_directory.File("psp"));
        using SoftwareSnpGuest guest = psp.CreateSnpGuest();
        guest.Initialize();
        guest.LaunchStart(new SnpLaunchStartRequest(SnpPolicy.Default, default));
        guest.SetPrivate(0xFFFF_F000, 4096, isPrivate: true);
        guest.LaunchUpdate(new GuestPiece(0xFFFF_F000, 0, new byte[4096]), SnpLaunchPageType.Normal);
        guest.LaunchFinish(default);
        byte[] data = new byte[64];
        Convert.FromHexString(ReportData).CopyTo(data, 0);
        File.WriteAllBytes(_directory.File("report"), guest.GetReport(data, 0).Bytes.ToArray());
        Digest = Convert.ToHexStringLower(guest.LaunchDigest);
    }

    private string Digest { get; }

    private string[] Command =>
    [
        "attest", "verify", _directory.File("report"), "--certs", _directory.File("certs"), "--digest", Digest, "--report-data", ReportData,
    ];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Report_IsVerified_OnlyIfSimulatedIsAllowed()
    {
        CliResult refused = CliRunner.Run(Command);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("FAIL        ark.pinned", refused.Output, StringComparison.Ordinal);

        CliResult accepted = OwnerDirectory.Succeed([.. Command, "--allow-simulated"]);
        Assert.Contains("NOT AMD's, accepted only because it was asked for", accepted.Output, StringComparison.Ordinal);
        Assert.Contains("PASS        report.signature", accepted.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void RevocationList_BySomebodyElse_Fails()
    {
        using RSA key = RSA.Create(2048);
        byte[] list = new CertificateRevocationListBuilder().Build(
            new X500DistinguishedName("CN=ARK-Milan"),
            X509SignatureGenerator.CreateForRSA(key, RSASignaturePadding.Pss),
            1,
            DateTimeOffset.UtcNow.AddDays(1),
            HashAlgorithmName.SHA384,
            X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(new byte[20]));
        File.WriteAllBytes(_directory.File("crl"), list);

        CliResult result = CliRunner.Run([.. Command, "--allow-simulated", "--crl", _directory.File("crl")]);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("FAIL        crl: the list is not by", result.Output, StringComparison.Ordinal);
        Assert.Contains(
            "revoked certificates: 0", OwnerDirectory.Succeed("inspect", "cert", _directory.File("crl")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void RevocationList_ThatIsNone_NamesTheField()
    {
        string certificate = Path.Combine(_directory.File("certs"), "ark.pem");

        CliRunner.Run([.. Command, "--crl", certificate]).AssertFailure(
            65, $"{certificate}: crl: the file holds certificates, no list of revoked ones");
    }
}
