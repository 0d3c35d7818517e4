using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Psp;

/// <summary>How the firmware checks certificates that it is given, with its error codes.</summary>
internal static class PspCertificateCheck
{
    /// <summary>Reads a certificate.</summary>
    /// <param name="command">The command.</param>
    /// <param name="name">What the certificate shall be.</param>
    /// <param name="bytes">The certificate.</param>
    /// <exception cref="Commands.SevCommandFailedException">INVALID_CERTIFICATE.</exception>
    internal static SevCertificate Parse(string command, string name, ReadOnlySpan<byte> bytes) =>
        SevCertificate.TryParse(bytes, out SevCertificate? certificate, out (string Field, string Problem) fault)
            ? certificate
            : throw PspFault.Firmware(command, PspStatus.InvalidCertificate, $"{name}: {fault.Field}: {fault.Problem}");

    /// <summary>Requires that one certificate's key signed another certificate.</summary>
    /// <param name="command">The command.</param>
    /// <param name="certificate">The certificate.</param>
    /// <param name="usage">What it must be for.</param>
    /// <param name="signer">The signer's.</param>
    /// <exception cref="Commands.SevCommandFailedException">
    /// BAD_SIGNATURE for a signature that does not verify or a malformed slot; INVALID_CERTIFICATE where no slot names the signer, or that
    /// key may not sign such a certificate.
    /// </exception>
    internal static void RequireSigned(string command, SevCertificate certificate, SevKeyUsage usage, SevCertificate signer)
    {
        RequireUsage(command, certificate, usage);
        if (!certificate.IsSignedBy(signer, out string reason))
        {
            throw Refuse(command, certificate, signer.Usage, signer.Algorithm, reason);
        }
    }

    /// <summary>Requires that the signing authority signed a CEK.</summary>
    /// <param name="command">The command.</param>
    /// <param name="certificate">The CEK.</param>
    /// <param name="signer">The ASK.</param>
    /// <exception cref="Commands.SevCommandFailedException">BAD_SIGNATURE or INVALID_CERTIFICATE.</exception>
    internal static void RequireSigned(string command, SevCertificate certificate, AmdCertificate signer)
    {
        RequireUsage(command, certificate, SevKeyUsage.Cek);
        if (!certificate.IsSignedBy(signer, out string reason))
        {
            throw Refuse(command, certificate, signer.Usage, signer.SignatureAlgorithm, reason);
        }
    }

    private static void RequireUsage(string command, SevCertificate certificate, SevKeyUsage usage) => PspFault.Require(
        certificate.Usage == usage,
        command,
        PspStatus.InvalidCertificate,
        $"a {certificate.Usage.ToName()} stands where the {usage.ToName()} belongs");

    private static Commands.SevCommandFailedException Refuse(
        string command,
        SevCertificate certificate,
        SevKeyUsage signerUsage,
        SevKeyAlgorithm signerAlgorithm,
        string reason)
    {
        SevSignatureSlot[] slots = [certificate.Signature1, certificate.Signature2];
        bool isBadSignature = slots.Any(slot =>
            slot.IsMalformed || (slot.Usage == signerUsage && slot.Algorithm == signerAlgorithm));
        PspStatus status = isBadSignature ? PspStatus.BadSignature : PspStatus.InvalidCertificate;
        return PspFault.Firmware(command, status, $"{certificate.Usage.ToName()}: {reason}");
    }
}
