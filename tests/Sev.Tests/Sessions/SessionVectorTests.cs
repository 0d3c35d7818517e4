using System.Security.Cryptography;
using System.Text.Json;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Sessions;

public sealed class SessionVectorTests
{
    internal static readonly SevFirmwareVersion Firmware = new(1, 55, 25);

    public static TheoryData<string> SevToolCases => ["session/s_00", "session/s_05_godh_y_top_zero", "session/s_3f", "full-flow"];

    [Fact]
    public void Derive_VirteeKdf_Agrees()
    {
        JsonElement vector = VirteeCase("kdf-master");
        JsonElement inputs = vector.GetProperty("inputs");

        byte[] derived = SevKdf.Derive(
            inputs.Hex("z"),
            inputs.GetProperty("label").GetString()!,
            inputs.Hex("context"),
            inputs.GetProperty("bits").GetInt32() / 8);

        Assert.Equal(vector.Hex("expect"), derived);
    }

    [Fact]
    public void GetPolicyMac_VirteeZeroPolicy_Agrees()
    {
        JsonElement vector = VirteeCase("mac-policy-zero");
        using TransportKeys keys = new(new byte[16], vector.GetProperty("inputs").Hex("hmac_sha256_key"));

        Assert.Equal(vector.Hex("expect"), SessionSecrets.GetPolicyMac(keys, 0));
    }

    [Fact]
    public void Wrap_VirteeAllZeroSession_Agrees()
    {
        JsonElement vector = VirteeCase("session-all-zero");
        JsonElement inputs = vector.GetProperty("inputs");
        JsonElement expect = vector.GetProperty("expect");
        using TransportKeys keys = new(inputs.Hex("tek"), inputs.Hex("tik"));
        using SessionSecrets secrets = SessionSecrets.Derive(inputs.Hex("z"), inputs.Hex("nonce"));

        SessionBlob session = secrets.Wrap(keys, inputs.Hex("nonce"), inputs.Hex("wrap_iv"), inputs.GetProperty("policy").GetUInt32());

        Assert.Equal("b6abfbfb75ea1ea74ed8750b8afdb973", Convert.ToHexStringLower(secrets.Kek));
        Assert.Equal("53b524bf5669a363f365c864acba8572", Convert.ToHexStringLower(secrets.Kik));
        Assert.Equal(expect.Hex("wrap_tk"), session.WrappedKeys.ToArray());
        Assert.Equal(expect.Hex("wrap_mac"), session.WrapMac.ToArray());
        Assert.Equal(expect.Hex("policy_mac"), session.PolicyMac.ToArray());
    }

    [Theory]
    [MemberData(nameof(SevToolCases))]
    public void Open_SevToolSessions_GiveTheKeysAndEveryDerivedValue(string folder)
    {
        SevToolSession vector = SevToolSession.Read(folder);
        using ECDiffieHellman pdh = vector.ImportPdh();
        SevCertificate godh = SevCertificate.Parse(vector.Godh, "godh");
        SessionBlob session = SessionBlob.Parse(vector.Session, "session");

        SessionOpening opening = SessionOpener.Open(pdh, vector.Godh, vector.Session, vector.Policy, Firmware);

        Assert.Equal(PspStatus.Success, opening.Status);
        using TransportKeys keys = opening.Keys!;
        Assert.Equal(vector.Keys, keys.Combined.ToArray());
        Assert.Equal(vector.Expect.Hex("tek"), keys.Tek.ToArray());
        Assert.Equal(vector.Expect.Hex("tik"), keys.Tik.ToArray());
        using SessionSecrets secrets = SessionSecrets.Agree(pdh, godh.GetEcPublicKey(), session.Nonce);
        Assert.Equal(vector.Expect.Hex("master_secret"), secrets.Master.ToArray());
        Assert.Equal(vector.Expect.Hex("kek"), secrets.Kek.ToArray());
        Assert.Equal(vector.Expect.Hex("kik"), secrets.Kik.ToArray());
        using SessionSecrets fromX = SessionSecrets.Derive(vector.Expect.Hex("ecdh_shared_x"), session.Nonce);
        Assert.Equal(secrets.Master.ToArray(), fromX.Master.ToArray());
        Assert.Equal(vector.Session, fromX.Wrap(keys, session.Nonce, session.WrapIv, vector.Policy.Value).Bytes.ToArray());
    }

    [Theory]
    [InlineData("session/s_00")]
    [InlineData("session/s_05_godh_y_top_zero")]
    [InlineData("session/s_3f")]
    public void Parse_SevToolSessions_SplitsTheFields(string folder)
    {
        SevToolSession vector = SevToolSession.Read(folder);

        SessionBlob session = SessionBlob.Parse(vector.Session, "session");

        Assert.Equal(vector.Expect.Hex("nonce"), session.Nonce.ToArray());
        Assert.Equal(vector.Expect.Hex("wrap_tk"), session.WrappedKeys.ToArray());
        Assert.Equal(vector.Expect.Hex("wrap_iv"), session.WrapIv.ToArray());
        Assert.Equal(vector.Expect.Hex("wrap_mac"), session.WrapMac.ToArray());
        Assert.Equal(vector.Expect.Hex("policy_mac"), session.PolicyMac.ToArray());
    }

    [Theory]
    [InlineData("session/s_05_godh_y_top_zero")]
    [InlineData("full-flow")]
    public void Open_EveryBitOfTheSessionFlipped_IsRefused(string folder)
    {
        SevToolSession vector = SevToolSession.Read(folder);
        using ECDiffieHellman pdh = vector.ImportPdh();

        foreach ((int bit, byte[] damaged) in BitFlips.Of(vector.Session))
        {
            SessionOpening opening = SessionOpener.Open(pdh, vector.Godh, damaged, vector.Policy, Firmware);
            Assert.True(opening.Status == PspStatus.BadMeasurement, $"bit {bit}: {opening.Status}");
            Assert.Null(opening.Keys);
        }
    }

    [Theory]
    [MemberData(nameof(SevToolCases))]
    public void GetEcPublicKey_SevToolsPdh_IsThePrivateKeysOther(string folder)
    {
        SevCertificate pdh = SevCertificate.Parse(Vectors.Bytes($"amd-sev-tool/{folder}/pdh.cert"), "pdh");
        using ECDiffieHellman key = SevToolSession.Read(folder).ImportPdh();
        ECParameters expected = key.ExportParameters(includePrivateParameters: false);

        Assert.Equal(expected.Q.X, pdh.GetEcPublicKey().Q.X);
        Assert.Equal(expected.Q.Y, pdh.GetEcPublicKey().Q.Y);
    }

    [Fact]
    public void IsSignedBy_SevToolsPdhAndPek_Verifies()
    {
        SevCertificate pdh = SevCertificate.Parse(Vectors.Bytes("amd-sev-tool/full-flow/pdh.cert"), "pdh");
        byte[] bytes = Vectors.Bytes("amd-sev-tool/full-flow/pek.cert");

        SevCertificate pek = SevCertificate.Parse(bytes, "pek");

        Assert.Equal(SevKeyUsage.Pek, pek.Usage);
        Assert.Equal(bytes, pek.Bytes.ToArray());
        Assert.True(pdh.IsSignedBy(pek, out string reason), reason);
    }

    [Fact]
    public void Open_EveryBitOfThePolicyFlipped_IsRefused()
    {
        SevToolSession vector = SevToolSession.Read("full-flow");
        using ECDiffieHellman pdh = vector.ImportPdh();
        for (int bit = 0; bit < 32; bit++)
        {
            SevPolicy other = new(vector.Policy.Value ^ (1u << bit));
            Assert.Equal(PspStatus.BadMeasurement, SessionOpener.Open(pdh, vector.Godh, vector.Session, other, Firmware).Status);
        }
    }

    [Fact]
    public void Open_EveryBitOfTheGodhsHeadAndKeyFlipped_IsRefusedOrHasNoMeaning()
    {
        SevToolSession vector = SevToolSession.Read("session/s_05_godh_y_top_zero");
        using ECDiffieHellman pdh = vector.ImportPdh();
        const int KeyEnd = 0x010 + 4 + 72 + 72;

        // The API version, the reserved field, the zeros after the key and the signatures have no meaning for the firmware.
        foreach ((int bit, byte[] damaged) in BitFlips.Of(vector.Godh).Take(KeyEnd * 8))
        {
            bool hasMeaning = bit / 8 is < 4 or >= 8;
            SessionOpening opening = SessionOpener.Open(pdh, damaged, vector.Session, vector.Policy, Firmware);
            opening.Keys?.Dispose();
            PspStatus expected = hasMeaning ? PspStatus.InvalidCertificate : PspStatus.Success;
            Assert.True(opening.Status == expected, $"bit {bit}: {opening.Status} {opening.Detail}");
        }
    }

    [Fact]
    public void Open_AnotherPlatformsKey_IsBadMeasurement()
    {
        SevToolSession vector = SevToolSession.Read("session/s_00");
        using ECDiffieHellman other = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);

        Assert.Equal(
            PspStatus.BadMeasurement,
            SessionOpener.Open(other, vector.Godh, vector.Session, vector.Policy, Firmware).Status);
    }

    [Fact]
    public void Open_Mutations_NeverCrashAndNeverSucceed()
    {
        SevToolSession vector = SevToolSession.Read("session/s_3f");
        using ECDiffieHellman pdh = vector.ImportPdh();
        ECParameters owner = SevCertificate.Parse(vector.Godh, "godh").GetEcPublicKey();
        Fuzz.Truncate(vector.Session, bytes => Assert.Throws<SevFormatException>(() => SessionBlob.Parse(bytes, "fuzz")));
        Fuzz.Truncate(vector.Godh, bytes => Assert.Equal(
            PspStatus.InvalidLength,
            SessionOpener.Open(pdh, bytes, vector.Session, vector.Policy, Firmware).Status));

        // The key agreement is done once: it is what takes the time.
        using SessionSecrets secrets = SessionSecrets.Agree(pdh, owner, vector.Session.AsSpan(0, 16));
        Fuzz.Mutate([vector.Session], bytes =>
        {
            SessionBlob blob = SessionBlob.Parse(bytes, "fuzz");
            bool isUnchanged = bytes.AsSpan(16).SequenceEqual(vector.Session.AsSpan(16));
            SessionOpening opening = SessionOpener.Open(secrets, blob, vector.Policy, Firmware);
            opening.Keys?.Dispose();
            Assert.Equal(isUnchanged, opening.Status == PspStatus.Success);
        });
        Fuzz.Mutate(
            [vector.Godh],
            bytes =>
            {
                SessionOpening opening = SessionOpener.Open(pdh, bytes, vector.Session, vector.Policy, Firmware);
                opening.Keys?.Dispose();
                Assert.Contains(
                    opening.Status,
                    (PspStatus[])[PspStatus.Success, PspStatus.InvalidLength, PspStatus.InvalidCertificate, PspStatus.BadMeasurement]);
            },
            count: 5_000);
    }

    private static JsonElement VirteeCase(string id) => Vectors.Json("virtee-sev/session.json").GetProperty("cases").EnumerateArray()
        .Single(entry => entry.GetProperty("id").GetString() == id);
}
