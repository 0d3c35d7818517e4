using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// Verifies a SEV-SNP attestation report completely: the chain from AMD's root key, that its end speaks of this chip and this firmware,
/// the signature, what runs, under which policy, and how fresh it is. A property that the caller gave nothing to compare with is named
/// as not checked.
/// </summary>
public static class SnpReportVerifier
{
    private const string NoChain = "no certificates were given: anybody can sign a report";

    /// <summary>Verifies.</summary>
    /// <param name="report">The report.</param>
    /// <param name="expected">What must hold.</param>
    /// <returns>
    /// The chain's checks (see <see cref="AmdX509Chain.Verify"/>), then <c>endorsement.kind</c>, <c>endorsement.tcb</c>,
    /// <c>endorsement.chip-id</c>, <c>endorsement.provider</c>, <c>report.signature</c>, <c>report.product</c>, <c>policy.*</c> and the
    /// fields of the report as <c>report.*</c>.
    /// </returns>
    public static VerificationReport Verify(SnpReport report, SnpReportExpectations expected)
    {
        CheckList checks = new();
        checks.Pass("report.version", $"version {report.Version}");
        if (expected.Chain is { Endorsement: { } endorsement } chain)
        {
            checks.Append(chain.Verify(expected.Anchors, expected.At, expected.Revocations));
            CheckKind(checks, report, endorsement);
            CheckExtensions(checks, report, endorsement, expected);
            CheckSignature(checks, report, endorsement);
        }
        else
        {
            checks.NotChecked("ark.pinned", NoChain);
            checks.NotChecked("endorsement.kind", NoChain);
            checks.NotChecked("endorsement.tcb", NoChain);
            checks.NotChecked("endorsement.chip-id", NoChain);
            checks.NotChecked("report.signature", NoChain);
        }

        SnpPolicyChecks.Check(checks, report, expected);
        SnpContentChecks.Check(checks, report, expected);
        return checks.ToReport();
    }

    private static void CheckKind(CheckList checks, SnpReport report, AmdX509Certificate endorsement)
    {
        bool agrees = (report.SigningKey, endorsement.Role)
            is (SnpSigningKey.Vcek, AmdX509Role.Vcek) or (SnpSigningKey.Vlek, AmdX509Role.Vlek);
        checks.Add(
            "endorsement.kind",
            agrees,
            $"the report names {DescribeKey(report.SigningKey)} as its signer, the certificate is \"{endorsement.SubjectName}\"");
    }

    private static string DescribeKey(SnpSigningKey key) => key switch
    {
        SnpSigningKey.Vcek => "a VCEK",
        SnpSigningKey.Vlek => "a VLEK",
        SnpSigningKey.None => "nobody",
        _ => $"key {(int)key}",
    };

    private static void CheckExtensions(
        CheckList checks,
        SnpReport report,
        AmdX509Certificate endorsement,
        SnpReportExpectations expected)
    {
        EndorsementExtensions extensions;
        try
        {
            extensions = EndorsementExtensions.Read(endorsement);
        }
        catch (SevFormatException fault)
        {
            checks.Fail("endorsement.tcb", $"{fault.Field}: {fault.Problem}");
            return;
        }

        TcbVersion certified = TcbVersion.Create(
            extensions.Fmc,
            extensions.BootLoader,
            extensions.Tee,
            extensions.Snp,
            extensions.Microcode);
        bool isSame = certified.Layout == report.ReportedTcb.Layout && certified.ToString() == report.ReportedTcb.ToString();
        checks.Add(
            "endorsement.tcb",
            isSame,
            isSame ? $"{certified}" : $"the key is for {certified}, the report says {report.ReportedTcb} (REPORTED_TCB)");
        CheckChipId(checks, report, extensions);
        CheckProvider(checks, extensions, expected.Provider);
        CheckProduct(checks, report, extensions);
    }

    private static void CheckChipId(CheckList checks, SnpReport report, EndorsementExtensions extensions)
    {
        const string Name = "endorsement.chip-id";
        if (extensions.HardwareId is not { } hardwareId)
        {
            bool isProviders = report.SigningKey == SnpSigningKey.Vlek && extensions.ProviderId is not null;
            checks.Add(
                Name,
                isProviders,
                isProviders ? "a VLEK stands for a provider, not for one chip" : "the certificate names no chip");
            return;
        }

        if (!report.ChipId.ContainsAnyExcept((byte)0))
        {
            checks.NotChecked(Name, "the host masks the chip's id in the report");
            return;
        }

        bool isSame = report.ChipId[..hardwareId.Length].SequenceEqual(hardwareId.Span)
            && !report.ChipId[hardwareId.Length..].ContainsAnyExcept((byte)0);
        string found = Convert.ToHexStringLower(report.ChipId);
        checks.Add(Name, isSame, isSame ? found : $"{found}, but the certificate is chip {Convert.ToHexStringLower(hardwareId.Span)}'s");
    }

    private static void CheckProvider(CheckList checks, EndorsementExtensions extensions, string? expected)
    {
        const string Name = "endorsement.provider";
        if (extensions.ProviderId is not { } provider)
        {
            return;
        }

        if (expected is null)
        {
            checks.NotChecked(Name, $"no provider was given; the VLEK is \"{provider}\"'s");
            return;
        }

        // AMD's certificates hold the name with CN= before it.
        bool isSame = provider == expected || provider == "CN=" + expected;
        checks.Add(Name, isSame, isSame ? $"\"{provider}\"" : $"\"{provider}\" instead of \"{expected}\"");
    }

    private static void CheckProduct(CheckList checks, SnpReport report, EndorsementExtensions extensions)
    {
        const string Name = "report.product";
        string certified = $"the certificate says \"{extensions.ProductName}\"";
        SevGeneration? product = SnpProducts.FromName(extensions.ProductName);
        if (!report.HasCpuid)
        {
            // Version 2 was the firmware's of Milan and Genoa only.
            checks.Add(
                Name,
                product is SevGeneration.Milan or SevGeneration.Genoa || product is null,
                $"version {report.Version} does not name the processor, {certified}");
            return;
        }

        string cpu = $"family {report.CpuidFamily} model {report.CpuidModel} stepping {report.CpuidStepping}";
        if (report.Generation is not { } generation || product is null)
        {
            checks.NotChecked(Name, $"{cpu}, {certified}: not both are known to this program");
            return;
        }

        checks.Add(Name, generation == product, $"{cpu} is {generation}, {certified}");
    }

    private static void CheckSignature(CheckList checks, SnpReport report, AmdX509Certificate endorsement)
    {
        const string Name = "report.signature";
        if (report.SignatureAlgorithm != SnpReport.EcdsaP384Sha384)
        {
            checks.Fail(Name, $"algorithm {report.SignatureAlgorithm} is not 1 (ECDSA P-384 with SHA-384)");
            return;
        }

        if (endorsement.EcKey is not { } key)
        {
            checks.Fail(Name, $"\"{endorsement.SubjectName}\" has no key on P-384");
            return;
        }

        bool isValid = report.IsSignedBy(key);
        checks.Add(Name, isValid, $"the signature by \"{endorsement.SubjectName}\" {(isValid ? "verifies" : "does not verify")}");
    }
}
