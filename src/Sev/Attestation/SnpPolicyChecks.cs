using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>The part of <see cref="SnpReportVerifier"/> that looks at the guest's policy.</summary>
internal static class SnpPolicyChecks
{
    internal static void Check(CheckList checks, SnpReport report, SnpReportExpectations expected)
    {
        SnpPolicy policy = report.Policy;
        checks.Add("policy.mandatory-bit", policy.HasMandatoryBit, $"bit 17 of {policy}");
        CheckPermission(checks, "policy.debug", policy.DebugAllowed, expected.AllowDebug, "debugging by the host");
        CheckPermission(
            checks,
            "policy.migration-agent",
            policy.MigrationAgentAllowed,
            expected.AllowMigrationAgent,
            "a migration agent");
        if (expected.AllowSmt is { } allowSmt)
        {
            CheckPermission(checks, "policy.smt", policy.SmtAllowed, allowSmt, "simultaneous multithreading");
        }
        else
        {
            checks.NotChecked(
                "policy.smt",
                $"nobody said whether simultaneous multithreading is wanted; the policy {(policy.SmtAllowed ? "allows" : "forbids")} it");
        }

        SnpFirmwareVersion demanded = new(policy.AbiMajor, policy.AbiMinor, 0);
        if (expected.MinimumPolicyAbi is { } minimum)
        {
            bool isEnough = demanded.IsAtLeast(minimum with { Build = 0 });
            checks.Add(
                "policy.abi",
                isEnough,
                $"the policy demands ABI {demanded.Major}.{demanded.Minor}, {minimum.Major}.{minimum.Minor} was asked for");
        }
        else
        {
            checks.NotChecked("policy.abi", $"no minimum was given; the policy demands ABI {demanded.Major}.{demanded.Minor}");
        }

        checks.Add(
            "policy.met",
            report.CurrentVersion.IsAtLeast(demanded),
            $"firmware {report.CurrentVersion} under a policy that demands ABI {demanded.Major}.{demanded.Minor}");
        if (expected.Policy is { } wanted)
        {
            checks.Add("policy.value", policy == wanted, policy == wanted ? $"{policy}" : $"{policy} instead of {wanted}");
        }
        else
        {
            checks.NotChecked("policy.value", $"no policy was given; the report says {policy} ({policy.ToNames()})");
        }
    }

    private static void CheckPermission(CheckList checks, string name, bool isAllowed, bool mayBeAllowed, string what) => checks.Add(
        name,
        !isAllowed || mayBeAllowed,
        isAllowed
            ? $"the policy allows {what}{(mayBeAllowed ? ", as was accepted" : string.Empty)}"
            : $"the policy forbids {what}");
}
