using System.Collections.Immutable;

namespace KvmSevVmm.Vmm.Host;

/// <summary>Collects what an examination finds.</summary>
internal sealed class HostCheckList
{
    private readonly List<HostCheck> _checks = [];

    /// <summary>What has been found so far.</summary>
    internal ImmutableArray<HostCheck> Checks => [.. _checks];

    /// <summary>Adds what was tried.</summary>
    /// <param name="name">Short, stable name.</param>
    /// <param name="category">What it belongs to.</param>
    /// <param name="isPassed">Whether it is there.</param>
    /// <param name="description">What was checked.</param>
    /// <param name="message">What was found.</param>
    /// <param name="hint">What to try when it is not there.</param>
    internal void Add(string name, string category, bool isPassed, string description, string message, string? hint = null) =>
        _checks.Add(new(name, category, isPassed ? CheckStatus.Pass : CheckStatus.Fail, description, message, isPassed ? null : hint));

    /// <summary>Adds what was not tried.</summary>
    /// <param name="name">Short, stable name.</param>
    /// <param name="category">What it belongs to.</param>
    /// <param name="description">What was not checked.</param>
    /// <param name="reason">Why not.</param>
    internal void Skip(string name, string category, string description, string reason) =>
        _checks.Add(new(name, category, CheckStatus.Skip, description, "not tried: " + reason, null));
}
