using System.Numerics;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Sessions;

public sealed class LaunchSessionTests
{
    private static readonly SevFirmwareVersion Firmware = SessionVectorTests.Firmware;

    [Fact]
    public void Create_ForAPlatform_IsOpenedByItAlone()
    {
        using TestPlatform platform = TestPlatform.Create();
        SevPolicy policy = SevPolicy.Parse("nodbg,noks,es,api-major=1,api-minor=40");

        using LaunchSession session = LaunchSession.Create(platform.Chain.Pdh, policy, SystemRandomSource.Instance);

        SessionOpening opening = SessionOpener.Open(platform.PdhKey, session.Godh.Bytes, session.Session.Bytes, policy, Firmware);
        Assert.Equal(PspStatus.Success, opening.Status);
        using TransportKeys keys = opening.Keys!;
        Assert.True(keys.HasSameKeys(session.Keys));
        Assert.False(keys.Tek.SequenceEqual(keys.Tik));
        Assert.Equal(SevKeyUsage.Pdh, session.Godh.Usage);
        Assert.Equal(SevKeyAlgorithm.EcdhSha256, session.Godh.Algorithm);
        Assert.True(session.Godh.IsUnsigned);
    }

    [Fact]
    public void Create_ForSevToolsPlatform_IsOpenedByItsKey()
    {
        SevToolSession vector = SevToolSession.Read("full-flow");
        SevCertificate pdh = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/full-flow/pdh.cert"), "pdh");
        using ECDiffieHellman key = vector.ImportPdh();

        using LaunchSession session = LaunchSession.Create(pdh, vector.Policy, SystemRandomSource.Instance);

        SessionOpening opening = SessionOpener.Open(key, session.Godh.Bytes, session.Session.Bytes, vector.Policy, Firmware);
        Assert.Equal(PspStatus.Success, opening.Status);
        using TransportKeys keys = opening.Keys!;
        Assert.True(keys.HasSameKeys(session.Keys));
    }

    [Fact]
    public void Create_SameSeed_GivesTheSameBytes()
    {
        using TestPlatform platform = TestPlatform.Create();
        SevPolicy policy = new(1);

        using LaunchSession first = LaunchSession.Create(platform.Chain.Pdh, policy, new SeededRandomSource("seed"u8));
        using LaunchSession second = LaunchSession.Create(platform.Chain.Pdh, policy, new SeededRandomSource("seed"u8));
        using LaunchSession other = LaunchSession.Create(platform.Chain.Pdh, policy, new SeededRandomSource("seed2"u8));

        Assert.Equal(first.Godh.Bytes.ToArray(), second.Godh.Bytes.ToArray());
        Assert.Equal(first.Session.Bytes.ToArray(), second.Session.Bytes.ToArray());
        Assert.True(first.Keys.HasSameKeys(second.Keys));
        Assert.NotEqual(first.Godh.Bytes.ToArray(), other.Godh.Bytes.ToArray());
        Assert.False(first.Keys.HasSameKeys(other.Keys));
        SessionOpening opening = SessionOpener.Open(platform.PdhKey, first.Godh.Bytes, first.Session.Bytes, policy, Firmware);
        Assert.Equal(PspStatus.Success, opening.Status);
        opening.Keys!.Dispose();
    }

    [Fact]
    public void Create_PlatformOnP256_AgreesOnThatCurve()
    {
        using ECDiffieHellman key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        SevCertificate pdh = SevCertificate.Create(SevKeyUsage.Pdh, SevKeyAlgorithm.EcdhSha256, key.ExportParameters(false), 0, 24);
        using LaunchSession session = LaunchSession.Create(pdh, new SevPolicy(0), new SeededRandomSource([1]));
        using ECDiffieHellman large = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);

        SessionOpening opening = SessionOpener.Open(key, session.Godh.Bytes, session.Session.Bytes, session.Policy, Firmware);
        SessionOpening wrongCurve = SessionOpener.Open(large, session.Godh.Bytes, session.Session.Bytes, session.Policy, Firmware);

        Assert.Equal(PspStatus.Success, opening.Status);
        opening.Keys!.Dispose();
        Assert.Equal(PspStatus.InvalidCertificate, wrongCurve.Status);
        Assert.Contains("curve", wrongCurve.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Agree_SharedXWithAZeroAtItsTop_KeepsItsLength()
    {
        // About one agreement in 256 has it; a secret without its leading zero would derive other keys on the two sides.
        using ECDiffieHellman own = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);
        for (int attempt = 0; attempt < 20_000; attempt++)
        {
            using ECDiffieHellman other = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);
            byte[] sharedX = own.DeriveRawSecretAgreement(other.PublicKey);
            Assert.Equal(48, sharedX.Length);
            if (sharedX[0] != 0)
            {
                continue;
            }

            using SessionSecrets first = SessionSecrets.Agree(own, other.ExportParameters(false), new byte[16]);
            using SessionSecrets second = SessionSecrets.Agree(other, own.ExportParameters(false), new byte[16]);
            using SessionSecrets padded = SessionSecrets.Derive(sharedX, new byte[16]);
            Assert.Equal(padded.Master.ToArray(), first.Master.ToArray());
            Assert.Equal(padded.Master.ToArray(), second.Master.ToArray());
            return;
        }

        Assert.Fail("no agreement with a zero at the top in 20000");
    }

    [Theory]
    [InlineData("0x38010000", PspStatus.PolicyFailure)]
    [InlineData("0x00020000", PspStatus.PolicyFailure)]
    [InlineData("0x37010000", PspStatus.Success)]
    [InlineData("0x40", PspStatus.PolicyFailure)]
    [InlineData("0x8000", PspStatus.PolicyFailure)]
    public void Open_GenuinePolicyThatTheFirmwareCannotKeep_IsPolicyFailure(string text, PspStatus expected)
    {
        using TestPlatform platform = TestPlatform.Create();
        SevPolicy policy = SevPolicy.Parse(text);
        using LaunchSession session = LaunchSession.Create(platform.Chain.Pdh, policy, SystemRandomSource.Instance);

        SessionOpening opening = SessionOpener.Open(platform.PdhKey, session.Godh.Bytes, session.Session.Bytes, policy, Firmware);

        opening.Keys?.Dispose();
        Assert.Equal(expected, opening.Status);
    }

    [Fact]
    public void Open_SeveralFaultsAtOnce_GivesTheFirmwaresFirst()
    {
        using TestPlatform platform = TestPlatform.Create();
        SevPolicy policy = new(0x40);
        using LaunchSession good = LaunchSession.Create(platform.Chain.Pdh, policy, SystemRandomSource.Instance);
        byte[] godh = good.Godh.Bytes.ToArray();
        byte[] session = good.Session.Bytes.ToArray();
        byte[] badGodh = [.. godh];
        badGodh[0] = 2;
        byte[] badWrap = [.. session];
        badWrap[64] ^= 1;

        Assert.Equal(PspStatus.InvalidLength, Open(badGodh, session[1..], policy));
        Assert.Equal(PspStatus.InvalidLength, Open(badGodh[1..], badWrap, policy));
        Assert.Equal(PspStatus.InvalidCertificate, Open(badGodh, badWrap, policy));
        Assert.Equal(PspStatus.BadMeasurement, Open(godh, badWrap, policy));
        Assert.Equal(PspStatus.BadMeasurement, Open(godh, session, new SevPolicy(0xFFFFFFFF)));
        Assert.Equal(PspStatus.PolicyFailure, Open(godh, session, policy));

        PspStatus Open(byte[] certificate, byte[] blob, SevPolicy asked) =>
            SessionOpener.Open(platform.PdhKey, certificate, blob, asked, Firmware).Status;
    }

    [Fact]
    public void Open_CertificateOfAnotherKind_IsInvalidCertificate()
    {
        using TestPlatform platform = TestPlatform.Create();
        using LaunchSession session = LaunchSession.Create(platform.Chain.Pdh, new SevPolicy(0), SystemRandomSource.Instance);

        SessionOpening opening = SessionOpener.Open(
            platform.PdhKey,
            platform.Chain.Pek.Bytes,
            session.Session.Bytes,
            session.Policy,
            Firmware);

        Assert.Equal(PspStatus.InvalidCertificate, opening.Status);
    }

    [Fact]
    public void Create_NoPdhOrNoPoint_IsRefused()
    {
        using TestPlatform platform = TestPlatform.Create();
        byte[] bytes = platform.Chain.Pdh.Bytes.ToArray();
        bytes[0x14] ^= 1;
        SevCertificate noPoint = SevCertificate.Parse(bytes, "pdh");

        Assert.Equal("pub_key_usage", Refuse(platform.Chain.Pek));
        Assert.Equal("pub_key", Refuse(noPoint));

        static string Refuse(SevCertificate certificate) => Assert.Throws<SevFormatException>(
            () => LaunchSession.Create(certificate, new SevPolicy(0), SystemRandomSource.Instance)).Field;
    }

    [Fact]
    public void Save_FourFilesAsSevctlMakesThem_ReadBack()
    {
        using TestPlatform platform = TestPlatform.Create();
        using LaunchSession session = LaunchSession.Create(platform.Chain.Pdh, new SevPolicy(5), SystemRandomSource.Instance);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("kvmsev-session-");
        try
        {
            string prefix = Path.Combine(folder.FullName, "vm");

            IReadOnlyList<string> files = session.Save(prefix);

            Assert.Equal(
                ["vm_tek.bin", "vm_tik.bin", "vm_godh.b64", "vm_session.b64"],
                files.Select(file => Path.GetFileName(file)));
            Assert.Equal([16L, 16L, 2780L, 172L], files.Select(file => new FileInfo(file).Length));
            using TransportKeys keys = TransportKeys.Read(files[0], files[1]);
            Assert.True(keys.HasSameKeys(session.Keys));
            Assert.Equal(session.Godh.Bytes.ToArray(), SevCertificate.Read(files[2], out BlobEncoding encoding).Bytes.ToArray());
            Assert.Equal(BlobEncoding.Base64, encoding);
            Assert.Equal(session.Session.Bytes.ToArray(), SessionBlob.Read(files[3], out encoding).Bytes.ToArray());
            Assert.Equal(BlobEncoding.Base64, encoding);
            if (!OperatingSystem.IsWindows())
            {
                foreach (string file in files)
                {
                    Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
                }
            }

            Assert.Throws<IOException>(() => session.Save(prefix));
            using LaunchSession other = LaunchSession.Create(platform.Chain.Pdh, new SevPolicy(5), SystemRandomSource.Instance);
            other.Save(prefix, overwrite: true);
            using TransportKeys replaced = TransportKeys.Read(files[0], files[1]);
            Assert.True(replaced.HasSameKeys(other.Keys));
            Assert.Equal(4, folder.GetFiles().Length);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void ReadCombined_SevToolsFile_GivesBothKeys()
    {
        using TransportKeys keys = TransportKeys.ReadCombined(Vectors.Path("amd-sev-tool/session/s_00/tmp_tk.bin"));

        Assert.Equal("39d6485080cd4e0c5982a2efb99f1aab", Convert.ToHexStringLower(keys.Tek));
        Assert.Equal("a2d890c9628fe29471019c08a02560ab", Convert.ToHexStringLower(keys.Tik));
    }

    [Fact]
    public void Dispose_Keys_AreGone()
    {
        TransportKeys keys = TransportKeys.Create(SystemRandomSource.Instance);
        using TransportKeys same = new(keys.Tek, keys.Tik);
        Assert.True(keys.HasSameKeys(same));

        keys.Dispose();

        Assert.Throws<ObjectDisposedException>(() => keys.Combined.Length);
        Assert.Throws<ObjectDisposedException>(() => same.HasSameKeys(keys));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Create_SeededKeyPair_IsAValidPair(bool isLarge)
    {
        ECCurve curve = isLarge ? ECCurve.NamedCurves.nistP384 : ECCurve.NamedCurves.nistP256;
        SeededRandomSource random = new([9, 9]);
        for (int round = 0; round < 20; round++)
        {
            ECParameters pair = EcKeyGenerator.Create(curve, random);
            using ECDsa key = ECDsa.Create(pair);
            using ECDsa publicKey = ECDsa.Create(new ECParameters { Curve = curve, Q = pair.Q });
            byte[] message = [1, 2, 3];
            byte[] signature = key.SignData(message, HashAlgorithmName.SHA256);
            Assert.True(publicKey.VerifyData(message, signature, HashAlgorithmName.SHA256));
        }
    }

    [Fact]
    public void Create_ScalarsOutOfRange_AreDrawnAgain()
    {
        // Zero and numbers of the order and above are no private keys; the third draw is the number 1, whose point is the generator.
        byte[] order = Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
        byte[] one = new byte[32];
        one[31] = 1;
        ScriptedSource random = new([.. new byte[32], .. order, .. Enumerable.Repeat((byte)0xFF, 32), .. one]);

        ECParameters pair = EcKeyGenerator.Create(ECCurve.NamedCurves.nistP256, random);

        Assert.Equal(
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            Convert.ToHexStringLower(pair.Q.X!));
        Assert.Equal(BigInteger.One, new BigInteger(pair.D!, isUnsigned: true, isBigEndian: true));
    }

    private sealed class ScriptedSource(byte[] script) : IRandomSource
    {
        private int _offset;

        public void Fill(Span<byte> destination)
        {
            script.AsSpan(_offset, destination.Length).CopyTo(destination);
            _offset += destination.Length;
        }
    }
}
