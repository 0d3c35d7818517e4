namespace KvmSevVmm.Sev.Verification;

/// <summary>Collects the checks of a verifier, in order.</summary>
public sealed class CheckList
{
    private readonly List<CheckResult> _checks = [];

    /// <summary>The checks so far, in order.</summary>
    public IReadOnlyList<CheckResult> Checks => _checks;

    /// <summary>Records a property that holds.</summary>
    /// <param name="name">The property.</param>
    /// <param name="detail">What was found.</param>
    public void Pass(string name, string detail) => _checks.Add(new CheckResult(name, CheckOutcome.Pass, detail));

    /// <summary>Records a property that does not hold.</summary>
    /// <param name="name">The property.</param>
    /// <param name="detail">What was found and what was expected.</param>
    public void Fail(string name, string detail) => _checks.Add(new CheckResult(name, CheckOutcome.Fail, detail));

    /// <summary>Records a property that nobody looked at.</summary>
    /// <param name="name">The property.</param>
    /// <param name="why">Why it was not checked.</param>
    public void NotChecked(string name, string why) => _checks.Add(new CheckResult(name, CheckOutcome.NotChecked, why));

    /// <summary>Records a property that was checked.</summary>
    /// <param name="name">The property.</param>
    /// <param name="holds">Whether it holds.</param>
    /// <param name="detail">What was found.</param>
    /// <returns><paramref name="holds"/>.</returns>
    public bool Add(string name, bool holds, string detail)
    {
        _checks.Add(new CheckResult(name, holds ? CheckOutcome.Pass : CheckOutcome.Fail, detail));
        return holds;
    }

    /// <summary>Appends the checks of another verifier.</summary>
    /// <param name="report">Its report.</param>
    public void Append(VerificationReport report) => _checks.AddRange(report.Checks);

    /// <summary>The report over what was collected.</summary>
    public VerificationReport ToReport() => new(_checks);
}
