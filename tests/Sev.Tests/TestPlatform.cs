using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Tests;

/// <summary>A platform whose private keys are all known: a hierarchy of the same shape as AMD's under a root of its own.</summary>
internal sealed class TestPlatform : IDisposable
{
    private static readonly Lazy<RSAParameters[]> SmallKeys = new(() => [.. Enumerable.Range(0, 4).Select(_ => MakeRsaKey(2048))]);
    private static readonly Lazy<RSAParameters> LargeKey = new(() => MakeRsaKey(4096));

    private TestPlatform(RSA arkKey, RSA askKey)
    {
        ArkKey = arkKey;
        AskKey = askKey;
        byte[] arkId = RandomNumberGenerator.GetBytes(16);
        AmdCertificate ark = AmdCertificate.Create(SevKeyUsage.Ark, arkId, arkId, arkKey.ExportParameters(false), arkKey);
        AmdCertificate ask = AmdCertificate.Create(
            SevKeyUsage.Ask,
            RandomNumberGenerator.GetBytes(16),
            arkId,
            askKey.ExportParameters(false),
            arkKey);
        SevKeyAlgorithm askAlgorithm = askKey.KeySize == 2048 ? SevKeyAlgorithm.RsaSha256 : SevKeyAlgorithm.RsaSha384;
        SevCertificate cek = Make(SevKeyUsage.Cek, CekKey).Sign(askKey, SevKeyUsage.Ask, askAlgorithm);
        SevCertificate oca = Make(SevKeyUsage.Oca, OcaKey).Sign(OcaKey, SevKeyUsage.Oca);
        SevCertificate pek = Make(SevKeyUsage.Pek, PekKey).Sign(OcaKey, SevKeyUsage.Oca).Sign(CekKey, SevKeyUsage.Cek);
        SevCertificate pdh = SevCertificate.Create(
                SevKeyUsage.Pdh,
                SevKeyAlgorithm.EcdhSha256,
                PdhKey.ExportParameters(false),
                1,
                55)
            .Sign(PekKey, SevKeyUsage.Pek);
        Chain = new SevCertificateChain(pdh, pek, oca, cek, new AskArk(ask, ark));
        Anchors = TrustAnchors.AmdOnly.AlsoTrusting(ark.GetKeyFingerprint(), "Test model");
    }

    internal RSA ArkKey { get; }

    internal RSA AskKey { get; }

    internal ECDsa CekKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP384);

    internal ECDsa OcaKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP384);

    internal ECDsa PekKey { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP384);

    internal ECDiffieHellman PdhKey { get; } = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP384);

    internal SevCertificateChain Chain { get; }

    internal TrustAnchors Anchors { get; }

    /// <summary>A platform of its own keys below AMD-like authorities; the RSA keys, slow to make, are made once for all tests.</summary>
    /// <param name="other">Takes other authorities than the tests usually do.</param>
    internal static TestPlatform Create(bool other = false)
    {
        RSAParameters[] keys = SmallKeys.Value;
        int first = other ? 2 : 0;
        return new TestPlatform(RSA.Create(keys[first]), RSA.Create(keys[first + 1]));
    }

    /// <summary>A platform below authorities with keys of 4096 bits, as they are from Rome on.</summary>
    internal static TestPlatform CreateLarge() => new(RSA.Create(LargeKey.Value), RSA.Create(LargeKey.Value));

    internal static SevCertificate Make(SevKeyUsage usage, ECDsa key) =>
        SevCertificate.Create(usage, SevKeyAlgorithm.EcdsaSha256, key.ExportParameters(false), 1, 55);

    public void Dispose()
    {
        ArkKey.Dispose();
        AskKey.Dispose();
        CekKey.Dispose();
        OcaKey.Dispose();
        PekKey.Dispose();
        PdhKey.Dispose();
    }

    private static RSAParameters MakeRsaKey(int bits)
    {
        using RSA key = RSA.Create(bits);
        return key.ExportParameters(includePrivateParameters: true);
    }
}
