using System.Globalization;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Verifies a SEV-SNP report against what the user expects.</summary>
internal static class SnpVerification
{
    private const string ProductName = "product";

    /// <summary>Verifies.</summary>
    /// <param name="options">What the user expects.</param>
    /// <param name="file">The report.</param>
    /// <param name="bundle">The launch that the guest is said to have had, or null.</param>
    /// <returns>What was found, and the checks without which nothing is proven.</returns>
    internal static (VerificationReport Report, string[] Core) Verify(
        AttestVerifyOptions options, SnpReportFile file, SnpBundleFile? bundle)
    {
        OptionScope.Refuse("a SEV-SNP report", OptionScope.MeasurementOnly(options));
        OptionScope.Refuse(
            "a SEV-SNP report",
            ("--nonce", options.Nonce is not null),
            ("--cek", options.Cek is not null),
            ("--ask-ark", options.AskArk is not null));
        EvidenceCertificates certificates = EvidenceCertificates.Read(options);
        AmdX509Chain? chain = certificates.X509.Count == 0 ? null : AmdX509Chain.Assemble(certificates.X509, "--certs");
        SnpReportExpectations expected = ReadExpectations(options) with
        {
            Chain = chain,
            Revocations = certificates.FindList(chain),
        };
        CheckList checks = new();
        if (bundle is not null)
        {
            SnpBundleChecks.Check(checks, bundle, expected, file.Report, options.AllowSimulated);
            expected = SnpBundleChecks.CompleteFrom(bundle, expected);
        }

        checks.Append(SnpReportVerifier.Verify(file.Report, expected));
        if (file.Azure is { } azure)
        {
            CheckResult bound = azure.CheckRuntimeData();
            checks.Add(bound.Name, bound.Outcome == CheckOutcome.Pass, bound.Detail);
        }

        if (options.Product is { } product)
        {
            CheckProduct(checks, file.Report, chain, ProductValue.Parse("--product", product));
        }

        List<string> core = ["ark.pinned", "endorsement.kind", "report.signature"];
        if (options.Product is not null)
        {
            core.Add(ProductName);
        }

        if (certificates.HasLists)
        {
            core.Add("crl");
        }

        return (checks.ToReport(), [.. core]);
    }

    private static SnpReportExpectations ReadExpectations(AttestVerifyOptions options) => new()
    {
        At = options.At is { } at ? ParseTime(at) : DateTimeOffset.UtcNow,
        Anchors = ChainWords.Anchors(options.AllowSimulated),
        Provider = options.Provider,
        ChipId = Hex("--chip-id", options.ChipId, 64),
        Measurements = options.Digests?
            .Select(static text => (ReadOnlyMemory<byte>)HexValue.Parse("--digest", text, SnpLaunchDigest.Size)).ToArray(),
        ReportData = Hex("--report-data", options.ReportData, 64, mayBeShorter: true),
        HostData = Hex("--host-data", options.HostData, 32),
        IdKeyDigest = Hex("--id-key-digest", options.IdKeyDigest, 48),
        AuthorKeyDigest = Hex("--author-key-digest", options.AuthorKeyDigest, 48),
        FamilyId = Hex("--family-id", options.FamilyId, 16),
        ImageId = Hex("--image-id", options.ImageId, 16),
        MinimumGuestSvn = options.MinimumGuestSvn is { } svn
            ? (uint)NumberValue.Parse("--min-guest-svn", svn, 0, uint.MaxValue)
            : null,
        Vmpl = options.Vmpl is { } vmpl ? (uint)NumberValue.Parse("--vmpl", vmpl, 0, 3) : null,
        Policy = options.Policy is { } policy ? PolicyValue.ParseSnp("--policy", policy) : null,
        AllowDebug = options.AllowDebug,
        AllowMigrationAgent = options.AllowMigrationAgent,
        AllowSmt = options.Smt is { } smt ? ChoiceValue.Parse("--smt", smt, ("allow", true), ("forbid", false)) : null,
        MinimumPolicyAbi = options.MinimumAbi is { } abi && VersionValue.Parse("--min-abi", abi, 2) is { } demanded
            ? new SnpFirmwareVersion(demanded[0], demanded[1], 0)
            : null,
        MinimumTcb = options.MinimumTcb is { } tcb ? ParseTcb(tcb) : null,
        MinimumFirmware = options.MinimumFirmware is { } firmware && VersionValue.Parse("--min-firmware", firmware, 3) is { } least
            ? new SnpFirmwareVersion(least[0], least[1], least[2])
            : null,
    };

    // A report of version 2 does not name the processor; then the certificate must.
    private static void CheckProduct(CheckList checks, SnpReport report, AmdX509Chain? chain, SevGeneration wanted)
    {
        SevGeneration? found = report.Generation;
        string source = "the report";
        if (found is null && chain?.Endorsement is { } endorsement && TryReadProduct(endorsement) is { } name)
        {
            found = SnpProducts.FromName(name);
            source = "the certificate";
        }

        if (found is null)
        {
            checks.NotChecked(ProductName, $"neither report nor certificate names a processor that is known; {wanted} was asked for");
            return;
        }

        checks.Add(ProductName, found == wanted, found == wanted ? $"{source} says {found}" : $"{source} says {found} instead of {wanted}");
    }

    private static string? TryReadProduct(AmdX509Certificate endorsement)
    {
        try
        {
            return EndorsementExtensions.Read(endorsement).ProductName;
        }
        catch (SevFormatException)
        {
            // The verifier has said it already, as endorsement.tcb.
            return null;
        }
    }

    private static DateTimeOffset ParseTime(string text)
    {
        const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        string[] forms = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd HH:mm:ssK", "yyyy-MM-dd"];
        return DateTimeOffset.TryParseExact(text, forms, CultureInfo.InvariantCulture, Styles, out DateTimeOffset time)
            ? time
            : throw new UsageException($"--at: '{text}' is no time", "write for instance 2026-01-31T12:00:00Z");
    }

    private static TcbVersion ParseTcb(string text)
    {
        try
        {
            return TcbVersion.Parse(text);
        }
        catch (SevFormatException problem)
        {
            throw new UsageException($"--min-tcb: {problem.Problem}", "write for instance bl=3,tee=0,snp=8,ucode=115");
        }
    }

    // Not a conditional expression: there null would become an empty memory, which is an expectation.
    private static ReadOnlyMemory<byte>? Hex(string option, string? text, int length, bool mayBeShorter = false)
    {
        if (text is null)
        {
            return null;
        }

        return HexValue.Parse(option, text, length, mayBeShorter);
    }
}
