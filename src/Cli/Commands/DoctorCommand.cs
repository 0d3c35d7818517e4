using System.Text;
using System.Text.Json;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Host;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands;

/// <summary><c>doctor</c>: what this host offers, found by trying, and what that means for <c>run</c>.</summary>
internal static class DoctorCommand
{
    private const int TextWidth = 80;

    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<DoctorOptions>(
        "kvmsev doctor [OPTIONS]",
        """
        What can be tried is tried: a tiny guest makes the page-state
        hypercall, with a deadline of one second, because on some software KVMs such a
        guest never comes back; and the launch of a SEV, a SEV-ES and a SEV-SNP guest
        is begun and ended again, which takes an ASID for a moment.

        Exit codes: 0 some mode can be run (with --require: that mode); 1 none can;
        69 the required mode cannot.
        """,
        [
            new VerbExample("What can this machine run?", "doctor"),
            new VerbExample("The gate of a CI job that wants a simulated SEV guest:", "doctor", "--require", "simulated", "--quiet"),
            new VerbExample("For a script:", "doctor", "--json"),
        ],
        Execute);

    private static int Execute(DoctorOptions options, CliContext context)
    {
        SevMode? required = options.Require is { } word ? SevValue.ParseMode("--require", word) : null;
        HostReport report = HostExaminer.Examine(new HostPaths { Kvm = options.Kvm, Sev = options.SevDevice });
        string summary = Summarise(report);
        if (options.Json)
        {
            DoctorDocument document = DoctorDocument.For(report, summary);
            context.Output.Write(JsonSerializer.SerializeToUtf8Bytes(document, CliJsonContext.Readable.DoctorDocument));
            context.Write("\n");
        }
        else if (!options.Quiet)
        {
            context.Write(Describe(report, summary));
        }

        if (required is not { } mode)
        {
            return report.Modes.Any(static verdict => verdict.IsUsable) ? ExitCode.Success : ExitCode.Failure;
        }

        ModeVerdict verdict = report[mode];
        return verdict.IsUsable
            ? ExitCode.Success
            : throw new HostLacksException(
                $"{SevModeWords.WordFor(mode)} cannot be run here: {verdict.Reason}",
                options.Quiet || options.Json ? "kvmsev doctor tells what was tried" : "the lines marked FAIL say what to try");
    }

    /// <summary>One sentence on a report.</summary>
    /// <param name="report">The report.</param>
    internal static string Summarise(HostReport report)
    {
        IEnumerable<ModeVerdict> usableModes = report.Modes.Where(static verdict => verdict.IsUsable);
        string usable = string.Join(", ", usableModes.Select(static verdict => SevModeWords.WordFor(verdict.Mode)));
        return usable switch
        {
            "" => "no mode can be run here",
            "none" => "only --sev none can be run here: ordinary guests, without SEV",
            _ => $"modes that can be run here: {usable}",
        };
    }

    /// <summary>A report as text, at most 80 columns wide.</summary>
    /// <param name="report">The report.</param>
    /// <param name="summary">One sentence on it.</param>
    internal static string Describe(HostReport report, string summary)
    {
        var text = new StringBuilder();
        foreach (HostCheck check in report.Checks)
        {
            AppendWrapped(text, $"{DoctorDocument.WordFor(check.Status).ToUpperInvariant()}  {check.Name}: ", check.Message);
            if (check.FixHint is { } hint)
            {
                AppendWrapped(text, "      try: ", hint);
            }
        }

        text.Append("\nkvmsev run --sev MODE on this host:\n");
        foreach (ModeVerdict verdict in report.Modes)
        {
            AppendWrapped(text, $"  {SevModeWords.WordFor(verdict.Mode),-10} {(verdict.IsUsable ? "yes" : "no "),-4}", verdict.Reason);
        }

        return text.Append('\n').Append(summary).Append('\n').ToString();
    }

    /// <summary>Appends a paragraph whose further lines stand six columns in, none wider than 80.</summary>
    private static void AppendWrapped(StringBuilder text, string lead, string words)
    {
        const string Indent = "      ";
        string line = lead;
        foreach (string word in words.Split(' '))
        {
            if (line.Length + word.Length > TextWidth && line.TrimEnd().Length > Indent.Length)
            {
                text.Append(line.TrimEnd()).Append('\n');
                line = Indent;
            }

            line += word + " ";
        }

        text.Append(line.TrimEnd()).Append('\n');
    }
}
