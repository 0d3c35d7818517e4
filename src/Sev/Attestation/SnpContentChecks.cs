using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>The part of <see cref="SnpReportVerifier"/> that compares the report's fields with what the caller expects.</summary>
internal static class SnpContentChecks
{
    internal static void Check(CheckList checks, SnpReport report, SnpReportExpectations expected)
    {
        CheckMeasurement(checks, report, expected.Measurements);
        CheckBytes(
            checks,
            "report.report-data",
            report.ReportData,
            expected.ReportData,
            "the report may be an old one, or another guest's");
        CheckBytes(checks, "report.host-data", report.HostData, expected.HostData, null);
        CheckNumber(checks, "report.vmpl", report.Vmpl, expected.Vmpl);
        CheckBytes(checks, "report.id-key-digest", report.IdKeyDigest, expected.IdKeyDigest, null);
        CheckAuthorKey(checks, report, expected.AuthorKeyDigest);
        CheckBytes(checks, "report.family-id", report.FamilyId, expected.FamilyId, null);
        CheckBytes(checks, "report.image-id", report.ImageId, expected.ImageId, null);
        CheckGuestSvn(checks, report, expected.MinimumGuestSvn);
        CheckBytes(checks, "report.chip-id", report.ChipId, expected.ChipId, null);
        CheckTcb(checks, "report.minimum-tcb.reported", report.ReportedTcb, expected.MinimumTcb);
        CheckTcb(checks, "report.minimum-tcb.committed", report.CommittedTcb, expected.MinimumTcb);
        CheckFirmware(checks, "report.firmware.current", report.CurrentVersion, expected.MinimumFirmware);
        CheckFirmware(checks, "report.firmware.committed", report.CommittedVersion, expected.MinimumFirmware);
        CheckPlatform(checks, report.PlatformInfo, expected.RequiredPlatformInfo);
    }

    private static void CheckMeasurement(CheckList checks, SnpReport report, IReadOnlyList<ReadOnlyMemory<byte>>? accepted)
    {
        const string Name = "report.measurement";
        string found = Convert.ToHexStringLower(report.Measurement);
        if (accepted is null)
        {
            checks.NotChecked(Name, $"no launch digest was given; the report says {found}");
            return;
        }

        bool isAccepted = false;
        foreach (ReadOnlyMemory<byte> candidate in accepted)
        {
            isAccepted |= report.Measurement.SequenceEqual(candidate.Span);
        }

        string wanted = string.Join(" or ", accepted.Select(candidate => Convert.ToHexStringLower(candidate.Span)));
        checks.Add(Name, isAccepted, isAccepted ? found : $"{found} instead of {(accepted.Count == 0 ? "any at all" : wanted)}");
    }

    private static void CheckBytes(CheckList checks, string name, ReadOnlySpan<byte> found, ReadOnlyMemory<byte>? expected, string? risk)
    {
        string text = Convert.ToHexStringLower(found);
        if (expected is not { } wanted)
        {
            checks.NotChecked(name, $"no value was given{(risk is null ? string.Empty : $": {risk}")}; the report says {text}");
            return;
        }

        bool isSame = found.SequenceEqual(wanted.Span);
        checks.Add(name, isSame, isSame ? text : $"{text} instead of {Convert.ToHexStringLower(wanted.Span)}");
    }

    private static void CheckNumber(CheckList checks, string name, uint found, uint? expected)
    {
        if (expected is not { } wanted)
        {
            checks.NotChecked(name, $"no value was given; the report says {found}");
            return;
        }

        checks.Add(name, found == wanted, found == wanted ? $"{found}" : $"{found} instead of {wanted}");
    }

    private static void CheckAuthorKey(CheckList checks, SnpReport report, ReadOnlyMemory<byte>? expected)
    {
        const string Name = "report.author-key-digest";

        // The digest of a key that is not enabled proves nothing.
        bool isWanted = expected is { } digest && digest.Span.ContainsAnyExcept((byte)0);
        if (isWanted && !report.HasAuthorKey)
        {
            checks.Fail(Name, "AUTHOR_KEY_EN is clear: no author key was checked at the launch");
            return;
        }

        CheckBytes(checks, Name, report.AuthorKeyDigest, expected, null);
    }

    private static void CheckGuestSvn(CheckList checks, SnpReport report, uint? minimum)
    {
        const string Name = "report.guest-svn";
        if (minimum is not { } least)
        {
            checks.NotChecked(Name, $"no minimum was given; the report says {report.GuestSvn}");
            return;
        }

        checks.Add(Name, report.GuestSvn >= least, $"{report.GuestSvn}, at least {least} was asked for");
    }

    private static void CheckTcb(CheckList checks, string name, TcbVersion found, TcbVersion? minimum)
    {
        if (minimum is not { } least)
        {
            checks.NotChecked(name, $"no minimum was given; the report says {found}");
            return;
        }

        checks.Add(name, found.IsAtLeast(least), $"{found}, at least {least} was asked for");
    }

    private static void CheckFirmware(CheckList checks, string name, SnpFirmwareVersion found, SnpFirmwareVersion? minimum)
    {
        if (minimum is not { } least)
        {
            checks.NotChecked(name, $"no minimum was given; the report says {found}");
            return;
        }

        checks.Add(name, found.IsAtLeast(least), $"{found}, at least {least} was asked for");
    }

    private static void CheckPlatform(CheckList checks, SnpPlatformInfo found, ulong? required)
    {
        const string Name = "report.platform-info";
        if (required is not { } wanted)
        {
            checks.NotChecked(Name, $"nothing was asked for; the report says {found}");
            return;
        }

        bool hasAll = (found.Value & wanted) == wanted;
        checks.Add(Name, hasAll, hasAll ? $"{found}" : $"{found} instead of {new SnpPlatformInfo(wanted)}");
    }
}
