namespace KvmSevVmm.Sev.Verification;

/// <summary>Every property that a verifier looked at, in the order in which it did, and the verdict over all of them.</summary>
public sealed class VerificationReport
{
    /// <summary>Makes the report.</summary>
    /// <param name="checks">The checks, in order.</param>
    public VerificationReport(IEnumerable<CheckResult> checks)
    {
        Checks = [.. checks];
    }

    /// <summary>The checks, in order.</summary>
    public IReadOnlyList<CheckResult> Checks { get; }

    /// <summary>
    /// <see cref="CheckOutcome.Fail"/> when any check failed, else <see cref="CheckOutcome.NotChecked"/> when any was left out (or
    /// there were none), else <see cref="CheckOutcome.Pass"/>.
    /// </summary>
    public CheckOutcome Verdict
    {
        get
        {
            if (Checks.Any(check => check.Outcome == CheckOutcome.Fail))
            {
                return CheckOutcome.Fail;
            }

            return Checks.Count == 0 || Checks.Any(check => check.Outcome == CheckOutcome.NotChecked)
                ? CheckOutcome.NotChecked
                : CheckOutcome.Pass;
        }
    }

    /// <summary>True when a check failed.</summary>
    public bool HasFailures => Verdict == CheckOutcome.Fail;

    /// <summary>The checks that failed.</summary>
    public IEnumerable<CheckResult> Failures => Checks.Where(check => check.Outcome == CheckOutcome.Fail);

    /// <summary>The check of that name, or null.</summary>
    /// <param name="name">A check's name.</param>
    public CheckResult? Find(string name) => Checks.FirstOrDefault(check => check.Name == name);

    /// <summary>One line for each check.</summary>
    public override string ToString() => string.Join('\n', Checks);
}
