using System.Text;
using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>Writes the manual page, roff with the macros of man(7), from the attributes of the options and the texts of the help.</summary>
internal static class ManPage
{
    // The options that every verb has; the page tells them once.
    private static readonly string[] Common = ["json", "verbose", "quiet", "log-file", "help"];

    /// <summary>Writes the page.</summary>
    /// <param name="root">Every verb.</param>
    /// <param name="version">The program's version.</param>
    internal static string Write(VerbGroup root, string version)
    {
        StringBuilder page = new();
        page.Append(".\\\" Printed by 'kvmsev man'.\n");
        page.Append(".TH KVMSEV 1 \"\" \"kvmsev ").Append(version).Append("\" \"User Commands\"\n");
        page.Append(".SH NAME\nkvmsev \\- virtual machine monitor for Linux KVM and AMD SEV guests\n");
        page.Append(".SH SYNOPSIS\n.B kvmsev\n.I VERB\n.RI [ OPTIONS ]\n");
        page.Append(".SH DESCRIPTION\n");
        AppendText(page, root.Summary);
        page.Append(".PP\nData goes to standard output, words for people to standard error.\n");
        page.Append(".SH OPTIONS\nEvery verb has these:\n");
        OptionTable any = OptionTable.For(typeof(ManOptions));
        foreach (string name in Common)
        {
            AppendOption(page, any.Options.Single(option => option.Name == name));
        }

        page.Append(".SH VERBS\n");
        AppendVerbs(page, root, string.Empty);
        page.Append(".SH EXIT STATUS\n");
        foreach ((int code, string meaning) in ExitStatus)
        {
            page.Append(".TP\n.B ").Append(code).Append('\n');
            AppendText(page, meaning);
        }

        return page.ToString();
    }

    private static readonly (int Code, string Meaning)[] ExitStatus =
    [
        (ExitCode.Success, "Success; the guest powered off, or its console matched."),
        (1, "An ordinary no: a difference, a check that fails, a proof that does not hold."),
        (32, "The guest asked for a reset."),
        (33, "The guest crashed."),
        (34, "The guest panicked and said so."),
        (36, "The time of --timeout ran out."),
        (37, "A SEV-ES or SEV-SNP guest asked for its termination."),
        (64, "The command line is wrong."),
        (65, "An input file is wrong; the message names the field."),
        (66, "An input file does not exist."),
        (69, "The host lacks a feature."),
        (70, "A bug in kvmsev."),
        (74, "An input or output error."),
        (77, "Permission denied."),
        (130, "Ended by SIGINT or Ctrl-A X, after a clean teardown."),
        (141, "The reader of standard output has gone."),
        (143, "Ended by SIGTERM, after a clean teardown."),
    ];

    private static void AppendVerbs(StringBuilder page, VerbGroup group, string prefix)
    {
        foreach (Verb verb in group.Verbs)
        {
            AppendVerb(page, verb, prefix + verb.Name);
        }

        foreach (VerbGroup inner in group.Groups)
        {
            AppendVerbs(page, inner, $"{prefix}{inner.Name} ");
        }
    }

    private static void AppendVerb(StringBuilder page, Verb verb, string path)
    {
        page.Append(".SS ").Append(Escape(path)).Append('\n');
        page.Append(".B ").Append(Escape(verb.Usage)).Append('\n');
        page.Append(".PP\n");
        AppendText(page, verb.Summary);
        OptionTable table = OptionTable.For(verb.OptionsType);
        foreach (OptionTable.Positional argument in table.Positionals)
        {
            page.Append(".TP\n.I ").Append(Escape(argument.MetaName)).Append('\n');
            AppendText(page, argument.HelpText);
        }

        foreach (OptionTable.Entry option in table.Options.Where(option => !option.IsHidden && !Common.Contains(option.Name)))
        {
            AppendOption(page, option);
        }

        if (verb.Description.Length > 0)
        {
            page.Append(".PP\n.nf\n");
            AppendText(page, verb.Description, keepEmptyLines: true);
            page.Append(".fi\n");
        }

        foreach (VerbExample example in verb.Examples)
        {
            page.Append(".PP\n");
            AppendText(page, example.Purpose);
            page.Append(".PP\n.nf\n.RS 4\n");
            AppendText(page, HelpWriter.CommandLine(example), keepEmptyLines: true);
            page.Append(".RE\n.fi\n");
        }
    }

    private static void AppendOption(StringBuilder page, OptionTable.Entry option)
    {
        page.Append(".TP\n");
        if (option.ShortName.Length > 0)
        {
            page.Append("\\fB\\-").Append(Escape(option.ShortName)).Append("\\fR, ");
        }

        page.Append("\\fB\\-\\-").Append(Escape(option.Name)).Append("\\fR");
        if (option.TakesValue)
        {
            page.Append(" \\fI").Append(Escape(option.MetaValue)).Append("\\fR");
        }

        page.Append('\n');
        string required = option.IsRequired ? "Required. " : string.Empty;
        string standard = option.Default is { Length: > 0 } value && option.TakesValue ? $" (Default: {value})" : string.Empty;
        AppendText(page, required + option.HelpText + standard);
    }

    private static void AppendText(StringBuilder page, string text, bool keepEmptyLines = false)
    {
        foreach (string line in text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n'))
        {
            if (line.Trim().Length == 0)
            {
                page.Append(keepEmptyLines ? ".sp\n" : ".PP\n");
                continue;
            }

            string escaped = Escape(line.TrimEnd());
            // A full stop or an apostrophe at the beginning of a line would be a request.
            page.Append(escaped[0] is '.' or '\'' ? "\\&" : string.Empty).Append(escaped).Append('\n');
        }
    }

    private static string Escape(string text)
    {
        StringBuilder escaped = new(text.Length);
        foreach (char letter in text)
        {
            _ = letter switch
            {
                '\\' => escaped.Append("\\e"),
                '-' => escaped.Append("\\-"),
                '\'' => escaped.Append("\\(aq"),
                '`' => escaped.Append("\\(ga"),
                '^' => escaped.Append("\\(ha"),
                '~' => escaped.Append("\\(ti"),
                > '\x7e' => escaped.Append($"\\[u{(int)letter:X4}]"),
                _ => escaped.Append(letter),
            };
        }

        return escaped.ToString();
    }
}
