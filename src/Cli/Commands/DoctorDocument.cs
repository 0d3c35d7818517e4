using KvmSevVmm.Vmm.Host;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The JSON of <c>doctor --json</c>, schema <c>kvmsev.doctor/1</c>.</summary>
/// <remarks>The keys under <c>tests</c> are those of <c>snphost ok</c>.</remarks>
/// <param name="Schema">Name and version of the schema.</param>
/// <param name="Tests">Every finding.</param>
/// <param name="Failures">How many failed.</param>
/// <param name="Skipped">How many were not tried.</param>
/// <param name="Run">What that means for <c>run</c>, mode by mode.</param>
/// <param name="Summary">One sentence.</param>
internal sealed record DoctorDocument(
    string Schema,
    IReadOnlyList<DoctorDocument.Test> Tests,
    int Failures,
    int Skipped,
    IReadOnlyDictionary<string, DoctorDocument.ModePart> Run,
    string Summary)
{
    /// <summary>Makes the document of a report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="summary">One sentence.</param>
    internal static DoctorDocument For(HostReport report, string summary) => new(
        "kvmsev.doctor/1",
        [.. report.Checks.Select(Test.For)],
        report.Checks.Count(static check => check.Status == CheckStatus.Fail),
        report.Checks.Count(static check => check.Status == CheckStatus.Skip),
        report.Modes.ToDictionary(
            static verdict => SevModeWords.WordFor(verdict.Mode),
            static verdict => new ModePart(verdict.IsUsable, verdict.Reason)),
        summary);

    /// <summary>The word for a status.</summary>
    /// <param name="status">The status.</param>
    internal static string WordFor(CheckStatus status) => status switch
    {
        CheckStatus.Pass => "pass",
        CheckStatus.Fail => "fail",
        CheckStatus.Skip => "skip",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "There is no such status."),
    };

    /// <summary>One finding.</summary>
    /// <param name="Name">Short, stable name.</param>
    /// <param name="Status"><c>pass</c>, <c>fail</c> or <c>skip</c>.</param>
    /// <param name="Category">What it belongs to.</param>
    /// <param name="Description">What was checked.</param>
    /// <param name="Message">What was found.</param>
    /// <param name="FixHint">What to try, or null.</param>
    internal sealed record Test(
        string Name,
        string Status,
        string Category,
        string Description,
        string Message,
        [property: System.Text.Json.Serialization.JsonPropertyName("fix_hint")] string? FixHint)
    {
        /// <summary>The finding for one check.</summary>
        /// <param name="check">The check.</param>
        internal static Test For(HostCheck check) =>
            new(check.Name, WordFor(check.Status), check.Category, check.Description, check.Message, check.FixHint);
    }

    /// <summary>Whether a mode can be run.</summary>
    /// <param name="Usable">Whether it can.</param>
    /// <param name="Reason">What decides it.</param>
    internal sealed record ModePart(bool Usable, string Reason);
}
