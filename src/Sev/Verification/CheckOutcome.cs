namespace KvmSevVmm.Sev.Verification;

/// <summary>How the check of one property ended.</summary>
public enum CheckOutcome
{
    /// <summary>Nobody looked: the caller gave nothing to compare with, or an earlier step failed. Never counts as passed.</summary>
    NotChecked = 0,

    /// <summary>The property holds.</summary>
    Pass = 1,

    /// <summary>The property does not hold.</summary>
    Fail = 2,
}
