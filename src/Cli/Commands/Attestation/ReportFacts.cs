using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>The fields of attestation reports, named as AMD's specifications name them.</summary>
internal static class ReportFacts
{
    /// <summary>Tells a report of SEV or SEV-ES.</summary>
    /// <param name="sheet">Takes the fields.</param>
    /// <param name="report">The report.</param>
    internal static void Describe(FactSheet sheet, LegacyAttestationReport report) => sheet
        .Add("MNONCE", report.Nonce)
        .Add("LAUNCH_DIGEST", report.LaunchDigest)
        .Add("POLICY", $"{report.Policy} ({report.Policy.ToNames()})")
        .Add("POLICY in words", report.Policy.Describe())
        .Add("SIG_USAGE", report.SignatureUsage.ToName())
        .Add("SIG_ALGO", report.SignatureAlgorithm.ToName())
        .Add("reserved", $"0x{report.Reserved:x}")
        .Add("SIGNATURE R", report.Signature[..72])
        .Add("SIGNATURE S", report.Signature[72..144]);

    /// <summary>Tells a report of SEV-SNP.</summary>
    /// <param name="sheet">Takes the fields.</param>
    /// <param name="report">The report.</param>
    /// <param name="product">Of which processors, for a report of version 2 that does not say.</param>
    internal static void Describe(FactSheet sheet, SnpReport report, SevGeneration? product)
    {
        const int CoordinateSize = 72;
        sheet.Add("VERSION", report.Version)
            .Add("GUEST_SVN", report.GuestSvn)
            .Add("POLICY", $"{report.Policy} ({report.Policy.ToNames()})")
            .Add("POLICY in words", report.Policy.Describe())
            .Add("FAMILY_ID", report.FamilyId)
            .Add("IMAGE_ID", report.ImageId)
            .Add("VMPL", report.Vmpl)
            .Add(
                "SIGNATURE_ALGO",
                report.SignatureAlgorithm == SnpReport.EcdsaP384Sha384 ? "ECDSA P-384 SHA-384" : $"unknown ({report.SignatureAlgorithm})")
            .Add("CURRENT_TCB", report.CurrentTcb.ToString())
            .Add("PLATFORM_INFO", report.PlatformInfo.ToString())
            .Add("SIGNING_KEY", report.SigningKey.ToString().ToUpperInvariant())
            .Add("MASK_CHIP_KEY", report.IsChipKeyMasked)
            .Add("AUTHOR_KEY_EN", report.HasAuthorKey)
            .Add("REPORT_DATA", report.ReportData)
            .Add("MEASUREMENT", report.Measurement)
            .Add("HOST_DATA", report.HostData)
            .Add("ID_KEY_DIGEST", report.IdKeyDigest)
            .Add("AUTHOR_KEY_DIGEST", report.AuthorKeyDigest)
            .Add("REPORT_ID", report.ReportId)
            .Add("REPORT_ID_MA", report.ReportIdMigrationAgent)
            .Add("REPORTED_TCB", report.ReportedTcb.ToString())
            .Add("CPUID", report.HasCpuid ? $"family {report.CpuidFamily} model {report.CpuidModel} stepping {report.CpuidStepping}" : null)
            .Add("product", (report.Generation ?? product)?.ToString() ?? "not said in the report")
            .Add("CHIP_ID", report.ChipId)
            .Add("COMMITTED_TCB", report.CommittedTcb.ToString())
            .Add("CURRENT_VERSION", report.CurrentVersion.ToString())
            .Add("COMMITTED_VERSION", report.CommittedVersion.ToString())
            .Add("LAUNCH_TCB", report.LaunchTcb.ToString())
            .Add("LAUNCH_MIT_VECTOR", report.LaunchMitigations is { } launch ? $"0x{launch:x}" : null)
            .Add("CURRENT_MIT_VECTOR", report.CurrentMitigations is { } current ? $"0x{current:x}" : null)
            .Add("SIGNATURE R", report.Signature[..CoordinateSize])
            .Add("SIGNATURE S", report.Signature.Slice(CoordinateSize, CoordinateSize))
            .Add("certificate", FindAddress(report, product));
    }

    // Where AMD has the certificate that is said to have signed; a masked chip has none, which is no fault of the report.
    private static string FindAddress(SnpReport report, SevGeneration? product)
    {
        try
        {
            return KdsUrl.ForReport(report, product).ToString();
        }
        catch (SevFormatException problem)
        {
            return $"unknown: {problem.Problem}";
        }
    }
}
