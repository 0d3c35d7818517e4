using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>AMD's X.509 chain: root key, signing key (ASK or ASVK), and the chip's or provider's endorsement key. Immutable.</summary>
/// <param name="Ark">AMD's root key.</param>
/// <param name="Signer">The ASK for a VCEK, the ASVK for a VLEK.</param>
/// <param name="Endorsement">The VCEK or VLEK, or null to verify the authorities alone.</param>
public sealed record AmdX509Chain(AmdX509Certificate Ark, AmdX509Certificate Signer, AmdX509Certificate? Endorsement)
{
    /// <summary>Picks the chain out of a heap of certificates, by their names and by who names whom as issuer.</summary>
    /// <param name="certificates">The certificates, in any order: a KDS <c>cert_chain</c>, a cloud provider's bundle, single files.</param>
    /// <param name="input">What the heap is, for messages.</param>
    /// <exception cref="SevFormatException">The root or the signing key is missing, or there are two endorsement keys.</exception>
    public static AmdX509Chain Assemble(IReadOnlyList<AmdX509Certificate> certificates, string input)
    {
        List<AmdX509Certificate> endorsements =
            [.. certificates.Where(candidate => candidate.Role is AmdX509Role.Vcek or AmdX509Role.Vlek)
                .DistinctBy(candidate => Convert.ToHexString(candidate.Bytes))];
        if (endorsements.Count > 1)
        {
            throw new SevFormatException(input, "VCEK", $"{endorsements.Count} different endorsement keys");
        }

        AmdX509Certificate? endorsement = endorsements.FirstOrDefault();
        AmdX509Certificate signer = certificates.FirstOrDefault(candidate =>
                candidate.Role is AmdX509Role.Ask or AmdX509Role.Asvk
                && (endorsement is null || endorsement.Issuer.SequenceEqual(candidate.Subject)))
            ?? throw new SevFormatException(
                input,
                "ASK",
                $"there is no certificate \"{endorsement?.IssuerName ?? "SEV-..."}\", the issuer of the endorsement key");
        AmdX509Certificate ark = certificates.FirstOrDefault(candidate =>
                candidate.Role == AmdX509Role.Ark && signer.Issuer.SequenceEqual(candidate.Subject))
            ?? throw new SevFormatException(
                input,
                "ARK",
                $"there is no certificate \"{signer.IssuerName}\", the issuer of \"{signer.SubjectName}\"");
        return new AmdX509Chain(ark, signer, endorsement);
    }

    /// <summary>Verifies the chain from the root key down.</summary>
    /// <param name="anchors">The root keys that are accepted.</param>
    /// <param name="at">The moment for which the validity is asked.</param>
    /// <param name="revocations">AMD's list of revoked certificates, or null: then "not checked" is recorded.</param>
    /// <returns>One check for each step, all of them whatever the first ones gave.</returns>
    public VerificationReport Verify(TrustAnchors anchors, DateTimeOffset at, CertificateRevocationList? revocations)
    {
        CheckList checks = new();
        TrustedRoot? root = RootPinCheck.Check(checks, Ark.GetKeyFingerprint(), anchors);
        checks.Add("ark.self-signature", Ark.IsSignedBy(Ark, out string reason), reason);
        string signerName = Signer.Role == AmdX509Role.Asvk ? "asvk" : "ask";
        checks.Add($"{signerName}.signed-by-ark", Signer.IsSignedBy(Ark, out reason), reason);
        CheckUse(checks, "ark", Ark, at);
        CheckUse(checks, signerName, Signer, at);
        CheckRevocation(checks, revocations, at);
        if (Endorsement is not null)
        {
            string name = Endorsement.Role == AmdX509Role.Vlek ? "vlek" : "vcek";
            checks.Add($"{name}.signed-by-{signerName}", Endorsement.IsSignedBy(Signer, out reason), reason);
            CheckRoles(checks, name);
            CheckUse(checks, name, Endorsement, at);
            CheckProduct(checks, name, root);
        }

        return checks.ToReport();
    }

    private void CheckRoles(CheckList checks, string name)
    {
        bool agrees = (Endorsement!.Role, Signer.Role) is (AmdX509Role.Vcek, AmdX509Role.Ask) or (AmdX509Role.Vlek, AmdX509Role.Asvk);
        checks.Add($"{name}.kind", agrees, $"\"{Endorsement.SubjectName}\" issued by \"{Signer.SubjectName}\"");
    }

    private static void CheckUse(CheckList checks, string name, AmdX509Certificate certificate, DateTimeOffset at)
    {
        checks.Add(
            $"{name}.validity",
            certificate.NotBefore <= at && at <= certificate.NotAfter,
            $"valid from {certificate.NotBefore.UtcDateTime:u} to {certificate.NotAfter.UtcDateTime:u}, asked at {at.UtcDateTime:u}");
        if (certificate.UnknownCriticalExtensions.Count > 0)
        {
            checks.Fail($"{name}.extensions", $"unknown critical extension {string.Join(", ", certificate.UnknownCriticalExtensions)}");
        }
    }

    private void CheckRevocation(CheckList checks, CertificateRevocationList? revocations, DateTimeOffset at)
    {
        const string Name = "crl";
        if (revocations is null)
        {
            checks.NotChecked(Name, "no list of revoked certificates was given");
            return;
        }

        if (!revocations.IsSignedBy(Ark, out string reason))
        {
            checks.Fail(Name, reason);
            return;
        }

        if (at < revocations.ThisUpdate || at > (revocations.NextUpdate ?? DateTimeOffset.MaxValue))
        {
            string until = revocations.NextUpdate is { } next ? $"{next.UtcDateTime:u}" : "no stated end";
            checks.Fail(Name, $"the list is for {revocations.ThisUpdate.UtcDateTime:u} to {until}, asked at {at.UtcDateTime:u}");
            return;
        }

        AmdX509Certificate? revoked = revocations.IsRevoked(Signer) ? Signer : revocations.IsRevoked(Ark) ? Ark : null;
        checks.Add(
            Name,
            revoked is null,
            revoked is null
                ? $"\"{Ark.SubjectName}\" and \"{Signer.SubjectName}\" are not among the {revocations.Count} revoked certificates"
                : $"\"{revoked.SubjectName}\" is revoked");
    }

    private void CheckProduct(CheckList checks, string name, TrustedRoot? root)
    {
        string check = $"{name}.product";
        EndorsementExtensions extensions;
        try
        {
            extensions = EndorsementExtensions.Read(Endorsement!);
        }
        catch (SevFormatException fault)
        {
            checks.Fail(check, $"{fault.Field}: {fault.Problem}");
            return;
        }

        if (root?.Generation is not { } generation)
        {
            checks.NotChecked(check, $"\"{extensions.ProductName}\"; the root key stands for no generation of AMD's");
            return;
        }

        // Siena and Bergamo hang under Genoa's root: a name of no generation is none of our business, another generation's is.
        SevGeneration? named = KnownRoots.All
            .Where(candidate => extensions.ProductName.StartsWith(candidate.Generation.ToString(), StringComparison.Ordinal))
            .Select(candidate => (SevGeneration?)candidate.Generation)
            .FirstOrDefault();
        checks.Add(check, named is null || named == generation, $"\"{extensions.ProductName}\" under the {generation} root key");
    }
}
