namespace KvmSevVmm.Sev.Verification;

/// <summary>One property that a verifier looked at, and what it found.</summary>
/// <param name="Name">The property, stable and machine-readable: <c>cek.signed-by-ask</c>.</param>
/// <param name="Outcome">How the check ended.</param>
/// <param name="Detail">Why, in words; what was found and what was expected.</param>
public sealed record CheckResult(string Name, CheckOutcome Outcome, string Detail)
{
    /// <summary>The outcome as people read it: <c>PASS</c>, <c>FAIL</c> or <c>NOT CHECKED</c>.</summary>
    public string OutcomeText => Outcome switch
    {
        CheckOutcome.Pass => "PASS",
        CheckOutcome.Fail => "FAIL",
        _ => "NOT CHECKED",
    };

    /// <summary>The line that a person reads: outcome, name, detail.</summary>
    public override string ToString() => $"{OutcomeText,-11} {Name}: {Detail}";
}
