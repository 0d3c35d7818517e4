namespace KvmSevVmm.Vmm.Sharing.Attribution;

/// <summary>One property of a map, looked at.</summary>
/// <param name="Name">The property: small letters and hyphens.</param>
/// <param name="Verdict">What came of it.</param>
/// <param name="Detail">One clause.</param>
/// <param name="Findings">The places that look wrong, one clause each; a few of many.</param>
public sealed record CheckResult(string Name, CheckVerdict Verdict, string Detail, IReadOnlyList<string> Findings);
