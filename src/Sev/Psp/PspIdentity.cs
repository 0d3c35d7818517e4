using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Psp;

/// <summary>The keys and certificates by which a platform is known. Immutable; each owner's command makes a new one.</summary>
/// <param name="Oca">The owner's key while the platform owns itself; null once somebody else does.</param>
/// <param name="OcaCertificate">The owner's certificate authority.</param>
/// <param name="Pek">The platform endorsement key.</param>
/// <param name="PekCertificate">Its certificate, signed by OCA and CEK.</param>
/// <param name="Pdh">The platform's Diffie-Hellman key.</param>
/// <param name="PdhCertificate">Its certificate, signed by the PEK.</param>
/// <param name="Cek">The chip endorsement key.</param>
/// <param name="CekCertificate">Its certificate, unsigned, as the platform exports it.</param>
internal sealed record PspIdentity(
    PspKey? Oca,
    SevCertificate OcaCertificate,
    PspKey Pek,
    SevCertificate PekCertificate,
    PspKey Pdh,
    SevCertificate PdhCertificate,
    PspKey Cek,
    SevCertificate CekCertificate)
{
    internal bool IsExternallyOwned => Oca is null;

    internal SevCertificateChain Chain => new(PdhCertificate, PekCertificate, OcaCertificate, CekCertificate);
}
