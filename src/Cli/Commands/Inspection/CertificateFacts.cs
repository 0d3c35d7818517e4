using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The fields of certificates, named as their specifications name them.</summary>
internal static class CertificateFacts
{
    private static readonly int[] AmdSizes = [576, 832, 1600];
    private static readonly int[] AskArkSizes = [832 + 576, 832 + 832, 1600 + 1600];

    /// <summary>Finds out what a file holds, and tells it.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="content">Its content.</param>
    /// <exception cref="SevFormatException">It holds no certificate, or a malformed one.</exception>
    internal static FactSheet Describe(string path, byte[] content)
    {
        FactSheet sheet = new FactSheet().Add("file", path);
        if (X509Material.IsOne(content))
        {
            DescribeX509(sheet, X509Material.Parse(content, path));
            return sheet;
        }

        EncodedBlob blob = EncodedBlob.DecodeAny(content);
        byte[] bytes = blob.Bytes;
        sheet.Add("encoding", blob.EncodingName);
        if (bytes.Length == SevCertificate.Size)
        {
            Describe(sheet.Add("kind", "SEV certificate"), SevCertificate.Parse(bytes, path));
        }
        else if (AmdSizes.Contains(bytes.Length))
        {
            Describe(sheet.Add("kind", "AMD certificate"), AmdCertificate.Parse(bytes, path));
        }
        else if (AskArkSizes.Contains(bytes.Length))
        {
            Describe(sheet.Add("kind", "ask_ark file"), AskArk.Parse(bytes, path));
        }
        else if (bytes.Length == SevCertificateChain.ExportSize
            || AskArkSizes.Contains(bytes.Length - SevCertificateChain.ExportSize))
        {
            Describe(sheet.Add("kind", "platform export"), SevCertificateChain.ParseExport(bytes, path));
        }
        else if (bytes.Length > AmdCertificate.HeaderSize && bytes.AsSpan(0, 16).ContainsAnyExcept((byte)0) && LooksLikeTable(bytes))
        {
            sheet.Add("kind", "certificate table");
            DescribeX509(sheet, new X509Material(CertificateTable.Parse(bytes, path).ReadCertificates(path), []));
        }
        else
        {
            throw new SevFormatException(
                path,
                "certificate",
                $"{bytes.Length} bytes are no SEV certificate (2084), ASK or ARK (832, 1600), ask_ark file, export (8336), PEM, DER or "
                + "table");
        }

        return sheet;
    }

    // The first entry's GUID is one of those that AMD names.
    private static bool LooksLikeTable(ReadOnlySpan<byte> bytes)
    {
        string name = CertificateTable.GetName(new Guid(bytes[..16], bigEndian: true));
        return name is "VCEK" or "VLEK" or "ASK" or "ARK";
    }

    private static void Describe(FactSheet sheet, SevCertificateChain chain)
    {
        Describe(sheet.AddSection("PDH"), chain.Pdh);
        Describe(sheet.AddSection("PEK"), chain.Pek);
        Describe(sheet.AddSection("OCA"), chain.Oca);
        Describe(sheet.AddSection("CEK"), chain.Cek);
        if (chain.Authority is { } authority)
        {
            Describe(sheet, authority);
        }
    }

    private static void Describe(FactSheet sheet, AskArk authority)
    {
        Describe(sheet.AddSection("ASK"), authority.Ask);
        Describe(sheet.AddSection("ARK"), authority.Ark);
    }

    private static void Describe(FactSheet sheet, SevCertificate certificate)
    {
        sheet.Add("version", certificate.Version)
            .Add("api version", $"{certificate.ApiMajor}.{certificate.ApiMinor}")
            .Add("pub_key_usage", certificate.Usage.ToName())
            .Add("pub_key_algo", certificate.Algorithm.ToName());
        if (certificate.Algorithm.IsElliptic())
        {
            ECParameters key = certificate.GetEcPublicKey();
            sheet.Add("curve", AmdEcKey.GetCoordinateSize(key.Curve) == 32 ? "P-256" : "P-384")
                .Add("qx", key.Q.X)
                .Add("qy", key.Q.Y)
                .Add("on its curve", AmdEcKey.IsOnCurve(key));
        }
        else
        {
            RSAParameters key = certificate.GetRsaPublicKey();
            sheet.Add("modulus bits", key.Modulus!.Length * 8).Add("exponent", key.Exponent).Add("modulus", key.Modulus);
        }

        Describe(sheet, "sig1", certificate.Signature1);
        Describe(sheet, "sig2", certificate.Signature2);
        sheet.Add("fingerprint", certificate.GetFingerprint());
    }

    private static void Describe(FactSheet sheet, string name, SevSignatureSlot slot)
    {
        sheet.Add($"{name}_usage", slot.IsMalformed ? $"{slot.Usage.ToName()} (half used)" : slot.Usage.ToName())
            .Add($"{name}_algo", slot.Algorithm.ToName());
        if (!slot.IsUnused)
        {
            sheet.Add(name, slot.Signature.Span);
        }
    }

    private static void Describe(FactSheet sheet, AmdCertificate certificate)
    {
        sheet.Add("key_id", certificate.KeyId)
            .Add("certifying_id", certificate.CertifyingId)
            .Add("key_usage", certificate.Usage.ToName())
            .Add("pub_exp", certificate.PublicKey.Exponent)
            .Add("modulus_size", certificate.KeyBits)
            .Add("modulus", certificate.PublicKey.Modulus)
            .Add("signature", certificate.HasSignature ? certificate.SignatureAlgorithm.ToName() : "none in the file");
        AddFingerprint(sheet, certificate.GetKeyFingerprint(), certificate.Usage == SevKeyUsage.Ark);
    }

    private static void DescribeX509(FactSheet sheet, X509Material material)
    {
        IReadOnlyList<FactSheet> sections = sheet.AddSections("certificate", material.Certificates.Count);
        for (int index = 0; index < sections.Count; index++)
        {
            Describe(sections[index], material.Certificates[index]);
        }

        sections = sheet.AddSections("revocation list", material.Lists.Count);
        for (int index = 0; index < sections.Count; index++)
        {
            CertificateRevocationList list = material.Lists[index];
            sections[index]
                .Add("thisUpdate", list.ThisUpdate.UtcDateTime.ToString("u"))
                .Add("nextUpdate", list.NextUpdate?.UtcDateTime.ToString("u"))
                .Add("revoked certificates", list.Count);
        }
    }

    private static void Describe(FactSheet sheet, AmdX509Certificate certificate)
    {
        sheet.Add("role", certificate.Role.ToString().ToUpperInvariant())
            .Add("subject", certificate.SubjectName)
            .Add("issuer", certificate.IssuerName)
            .Add("serial", certificate.SerialNumber)
            .Add("not before", certificate.NotBefore.UtcDateTime.ToString("u"))
            .Add("not after", certificate.NotAfter.UtcDateTime.ToString("u"))
            .Add("key", certificate.RsaKey is { } rsa ? $"RSA-{rsa.Modulus!.Length * 8}" : certificate.EcKey is null ? "other" : "P-384");
        if (certificate.Role is AmdX509Role.Vcek or AmdX509Role.Vlek)
        {
            EndorsementExtensions extensions = EndorsementExtensions.Read(certificate);
            TcbVersion tcb = TcbVersion.Create(
                extensions.Fmc, extensions.BootLoader, extensions.Tee, extensions.Snp, extensions.Microcode);
            sheet.Add("product", extensions.ProductName)
                .Add("TCB", tcb.ToString())
                .Add("HWID", extensions.HardwareId is { } id ? Convert.ToHexStringLower(id.Span) : null)
                .Add("CSP_ID", extensions.ProviderId);
        }

        AddFingerprint(sheet, certificate.GetKeyFingerprint(), certificate.Role == AmdX509Role.Ark);
    }

    private static void AddFingerprint(FactSheet sheet, byte[] fingerprint, bool isRoot)
    {
        sheet.Add("key fingerprint", fingerprint);
        if (isRoot)
        {
            sheet.Add("root", PspAuthority.TrustingModel.TryFind(fingerprint, out TrustedRoot? root)
                ? root.IsAmd ? root.Name : $"{root.Name}: simulated, not AMD's"
                : "none of AMD's");
        }
    }
}
