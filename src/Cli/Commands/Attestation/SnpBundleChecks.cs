using System.Security.Cryptography;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>
/// What the launch bundle of a SEV-SNP guest adds to the verification of the guest's report: the report must be of that launch, and where
/// the owner says what is expected, so must the bundle.
/// </summary>
internal static class SnpBundleChecks
{
    private const int KeyDigestSize = 48;

    /// <summary>Checks the bundle.</summary>
    /// <param name="checks">Takes the checks, <c>bundle.*</c> and <c>id-block.*</c>.</param>
    /// <param name="bundle">The bundle.</param>
    /// <param name="owner">What the owner expects.</param>
    /// <param name="report">The report.</param>
    /// <param name="allowSimulated">Whether a model's launch will do.</param>
    internal static void Check(
        CheckList checks, SnpBundleFile bundle, SnpReportExpectations owner, SnpReport report, bool allowSimulated)
    {
        if (bundle.IsSimulated)
        {
            checks.Add(
                "bundle.simulated",
                allowSimulated,
                allowSimulated
                    ? "simulated: accepted only because it was asked for, it proves nothing about a machine"
                    : "the firmware was the software PSP: --allow-simulated accepts that, for trying things out");
        }

        checks.Append(bundle.CheckItself());
        CheckDigest(checks, bundle, owner);
        CheckPolicy(checks, bundle, owner);
        CheckFirmware(checks, bundle, report);
        bool isVcekUsed = report.SigningKey == SnpSigningKey.Vcek;
        checks.Add(
            "bundle.vcek",
            !(bundle.IsVcekDisabled && isVcekUsed),
            bundle.IsVcekDisabled
                ? $"the launch forbade reports by the VCEK, this one is {(isVcekUsed ? "by it" : "not")}"
                : "the launch allowed reports by the VCEK");
    }

    /// <summary>What the report must say to be of that launch; the owner's own expectations come first.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="owner">What the owner expects.</param>
    internal static SnpReportExpectations CompleteFrom(SnpBundleFile bundle, SnpReportExpectations owner) => owner with
    {
        Measurements = owner.Measurements ?? [bundle.LaunchDigest],
        Policy = owner.Policy ?? bundle.Policy,
        HostData = owner.HostData ?? bundle.HostData,
        IdKeyDigest = owner.IdKeyDigest ?? bundle.Authentication?.GetIdKeyDigest() ?? new byte[KeyDigestSize],
        AuthorKeyDigest = owner.AuthorKeyDigest
            ?? (bundle.HasAuthorKey ? bundle.Authentication!.GetAuthorKeyDigest() : new byte[KeyDigestSize]),
        FamilyId = owner.FamilyId ?? bundle.Block?.FamilyId.ToArray() ?? new byte[IdBlock.IdSize],
        ImageId = owner.ImageId ?? bundle.Block?.ImageId.ToArray() ?? new byte[IdBlock.IdSize],
        MinimumGuestSvn = owner.MinimumGuestSvn ?? bundle.Block?.GuestSvn,
    };

    private static void CheckDigest(CheckList checks, SnpBundleFile bundle, SnpReportExpectations owner)
    {
        const string Name = "bundle.launch-digest";
        string found = Convert.ToHexStringLower(bundle.LaunchDigest);
        if (owner.Measurements is not { } wanted)
        {
            checks.NotChecked(Name, $"no launch digest was given ('kvmsev measure --bundle' computes it); the bundle says {found}");
            return;
        }

        bool isWanted = wanted.Any(one => CryptographicOperations.FixedTimeEquals(one.Span, bundle.LaunchDigest));
        checks.Add(Name, isWanted, isWanted ? found : $"{found} is not what was given");
    }

    private static void CheckPolicy(CheckList checks, SnpBundleFile bundle, SnpReportExpectations owner)
    {
        const string Name = "bundle.policy";
        if (owner.Policy is not { } wanted)
        {
            checks.NotChecked(Name, $"no policy was given; the bundle says {bundle.Policy} ({bundle.Policy.ToNames()})");
            return;
        }

        checks.Add(Name, wanted == bundle.Policy, wanted == bundle.Policy ? $"{wanted}" : $"{bundle.Policy} instead of {wanted}");
    }

    // Firmware can be updated while the guest runs, but not to an older one.
    private static void CheckFirmware(CheckList checks, SnpBundleFile bundle, SnpReport report)
    {
        SnpFirmwareVersion launched = new(bundle.Firmware.ApiMajor, bundle.Firmware.ApiMinor, bundle.Firmware.Build);
        bool isSame = launched == report.CurrentVersion;
        checks.Add(
            "bundle.firmware",
            report.CurrentVersion.IsAtLeast(launched),
            isSame ? VersionValue.Format(bundle.Firmware) : $"the launch had {launched}, the report has {report.CurrentVersion}");
    }
}
