using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary><c>attest verify</c>: finds out what the evidence is, and has it verified.</summary>
internal static class AttestVerifyCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<AttestVerifyOptions>(
        "kvmsev attest verify EVIDENCE [OPTIONS]",
        """
        Every property is PASS, FAIL or NOT CHECKED. What you give an option for is
        checked; what nobody asked for is NOT CHECKED, and never counts as passed.
        Reports need the certificates of the chip and of AMD (--certs), offline; AMD's
        root keys are known by their fingerprints. A launch measurement or bundle needs
        your TIK, and the launch digest that 'kvmsev measure' computes. The bundle of a
        SEV-SNP launch goes with the guest's report, which must agree with it.

        Exit codes: 0 nothing failed, and signature and chain (or measurement and launch
        digest) passed; 1 something failed or is missing; others as for every verb.
        """,
        [
            new VerbExample(
                "A SNP report, with the certificates in a directory:",
                "attest", "verify", "report.bin", "--certs", "certs", "--policy", "0x30000", "--min-tcb", "bl=3,snp=8,ucode=115"),
            new VerbExample(
                "What was launched under SEV or SEV-ES:",
                "attest", "verify", "--launch-bundle", "bundle.json", "--tik", "vm_tik.bin", "--policy", "nodbg,noks",
                "--digest", "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"),
        ],
        Execute);

    private static int Execute(AttestVerifyOptions options, CliContext context)
    {
        string path = options.Evidence ?? options.LaunchBundle!;
        FactSheet sheet = new FactSheet().Add("evidence", path);
        (VerificationReport report, string[] core) = options is { Evidence: not null, LaunchBundle: { } bundle }
            ? VerifyWithBundle(options, path, bundle, sheet)
            : Verify(options, path, sheet);
        return Conclude(options, context, sheet, report, core);
    }

    // What a file is, its size and first byte tell.
    private static (VerificationReport Report, string[] Core) Verify(AttestVerifyOptions options, string path, FactSheet sheet)
    {
        if (options.LaunchBundle is null && MeasurementVerification.TryRead(path, out MeasurementVerification.Measured? measured))
        {
            sheet.Add("kind", "launch measurement").Add("encoding", measured.Source);
            return MeasurementVerification.Verify(options, measured.Value);
        }

        byte[] content = InputBlob.ReadContent(options.LaunchBundle is null ? "EVIDENCE" : "--launch-bundle", path);
        if (options.LaunchBundle is not null || LaunchBundleFile.IsOne(content))
        {
            LaunchBundleFile bundle = LaunchBundleFile.Parse(content, path);
            bundle.Describe(sheet.Add("kind", "launch bundle"));
            return BundleVerification.Verify(options, bundle);
        }

        if (AttestShowCommand.TryParseLegacy(content, path, out LegacyAttestationReport? legacy, out string? encoding))
        {
            sheet.Add("kind", "SEV attestation report").Add("encoding", encoding);
            return LegacyVerification.Verify(options, legacy);
        }

        SnpReportFile file = SnpReportFile.Parse(content, path);
        sheet.Add("kind", "SEV-SNP attestation report").Add("encoding", file.Container);
        return SnpVerification.Verify(options, file, bundle: null);
    }

    // A report and the launch that its guest is said to have had. A bundle of SEV and SEV-ES is evidence itself, by its measurement.
    private static (VerificationReport Report, string[] Core) VerifyWithBundle(
        AttestVerifyOptions options, string path, string bundlePath, FactSheet sheet)
    {
        byte[] content = InputBlob.ReadContent("--launch-bundle", bundlePath);
        if (SnpBundleFile.TryParse(content, bundlePath) is not { } bundle)
        {
            _ = LaunchBundleFile.Parse(content, bundlePath);
            throw new UsageException(
                "EVIDENCE and --launch-bundle contradict each other", "the launch bundle of a SEV or SEV-ES guest is the evidence itself");
        }

        SnpReportFile file = SnpReportFile.Parse(InputBlob.ReadContent("EVIDENCE", path), path);
        bundle.Describe(sheet.Add("kind", "SEV-SNP attestation report").Add("encoding", file.Container).AddSection("launch bundle"));
        return SnpVerification.Verify(options, file, bundle);
    }

    private static int Conclude(
        AttestVerifyOptions options, CliContext context, FactSheet sheet, VerificationReport report, string[] core)
    {
        string[] missing = [.. core.Where(name => report.Find(name)?.Outcome is null or CheckOutcome.NotChecked)];
        int failed = report.Failures.Count();
        int unchecked_ = report.Checks.Count(static check => check.Outcome == CheckOutcome.NotChecked);
        bool isGood = failed == 0 && missing.Length == 0 && !(options.Strict && unchecked_ > 0);
        sheet.Add(report);
        FactSheet verdict = sheet.AddSection("verdict")
            .Add("result", failed > 0 ? "FAIL" : isGood ? "PASS" : "NOT PROVEN")
            .Add("passed", report.Checks.Count - failed - unchecked_)
            .Add("failed", failed)
            .Add("not checked", unchecked_);
        if (missing.Length > 0)
        {
            verdict.Add("missing", missing);
        }

        sheet.Write("kvmsev.verification/1", options.Json, context);
        return isGood ? ExitCode.Success : ExitCode.Failure;
    }
}
