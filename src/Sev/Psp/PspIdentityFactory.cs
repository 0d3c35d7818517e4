using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Psp;

/// <summary>Makes a platform's keys and signs their certificates, as the firmware does at INIT, PEK_GEN, PDH_GEN,
/// PEK_CERT_IMPORT.</summary>
/// <param name="firmware">The version to note in the certificates.</param>
internal sealed class PspIdentityFactory(SevFirmwareVersion firmware)
{
    /// <summary>Everything anew but the CEK: a platform that owns itself.</summary>
    /// <param name="cek">The chip endorsement key.</param>
    /// <param name="random">Where OCA, PEK and PDH come from, in this order.</param>
    internal PspIdentity CreateSelfOwned(PspKey cek, IRandomSource random)
    {
        PspKey oca = PspKey.Create(random);
        PspKey pek = PspKey.Create(random);
        PspKey pdh = PspKey.Create(random);
        using ECDsa ocaSigner = oca.ToSigner();
        using ECDsa cekSigner = cek.ToSigner();
        SevCertificate ocaCertificate = Make(SevKeyUsage.Oca, oca).Sign(ocaSigner, SevKeyUsage.Oca);
        SevCertificate pekCertificate = Make(SevKeyUsage.Pek, pek).Sign(ocaSigner, SevKeyUsage.Oca).Sign(cekSigner, SevKeyUsage.Cek);
        return new PspIdentity(
            oca,
            ocaCertificate,
            pek,
            pekCertificate,
            pdh,
            MakePdh(pdh, pek),
            cek,
            Make(SevKeyUsage.Cek, cek));
    }

    /// <summary>The same platform with a new PDH.</summary>
    /// <param name="identity">The platform.</param>
    /// <param name="random">Where the PDH comes from.</param>
    internal PspIdentity WithNewPdh(PspIdentity identity, IRandomSource random) => WithPdh(identity, PspKey.Create(random));

    /// <summary>The same platform with a given PDH.</summary>
    /// <param name="identity">The platform.</param>
    /// <param name="pdh">The PDH.</param>
    internal PspIdentity WithPdh(PspIdentity identity, PspKey pdh) =>
        identity with { Pdh = pdh, PdhCertificate = MakePdh(pdh, identity.Pek) };

    private SevCertificate Make(SevKeyUsage usage, PspKey key) =>
        SevCertificate.Create(usage, SevKeyAlgorithm.EcdsaSha256, key.Public, firmware.ApiMajor, firmware.ApiMinor);

    private SevCertificate MakePdh(PspKey pdh, PspKey pek)
    {
        using ECDsa signer = pek.ToSigner();
        return SevCertificate.Create(
                SevKeyUsage.Pdh,
                SevKeyAlgorithm.EcdhSha256,
                pdh.Public,
                firmware.ApiMajor,
                firmware.ApiMinor)
            .Sign(signer, SevKeyUsage.Pek);
    }
}
