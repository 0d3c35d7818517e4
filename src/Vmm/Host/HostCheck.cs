namespace KvmSevVmm.Vmm.Host;

/// <summary>How a check of the host ended.</summary>
public enum CheckStatus
{
    /// <summary>It was tried, and it is there.</summary>
    Pass = 0,

    /// <summary>It was tried, and it is not there.</summary>
    Fail,

    /// <summary>It was not tried, because something before it failed.</summary>
    Skip,
}

/// <summary>One finding of <c>kvmsev doctor</c>.</summary>
/// <param name="Name">Short, stable name.</param>
/// <param name="Category">What it belongs to: kvm, guest, sev, limits.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Description">What was checked.</param>
/// <param name="Message">What was found.</param>
/// <param name="FixHint">What to try when it failed, or null.</param>
public sealed record HostCheck(string Name, string Category, CheckStatus Status, string Description, string Message, string? FixHint);
