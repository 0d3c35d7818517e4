using System.Globalization;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Output;

/// <summary>
/// Facts in the order in which they are told: lines of <c>name: value</c> for people, one JSON object for programs. The key in JSON is the
/// name in camel case: <c>launch digest</c> is <c>launchDigest</c>.
/// </summary>
internal sealed class FactSheet
{
    private readonly List<Fact> _facts = [];

    private abstract record Fact(string Name);

    /// <summary>Tells a text.</summary>
    /// <param name="name">The fact's name.</param>
    /// <param name="value">The text; null where it is not known, which people read as <c>-</c>.</param>
    internal FactSheet Add(string name, string? value) => Append(new TextFact(name, value));

    /// <summary>Tells bytes, as hexadecimal digits.</summary>
    /// <param name="name">The fact's name.</param>
    /// <param name="bytes">The bytes.</param>
    internal FactSheet Add(string name, ReadOnlySpan<byte> bytes) => Add(name, Convert.ToHexStringLower(bytes));

    /// <summary>Tells a number.</summary>
    /// <param name="name">The fact's name.</param>
    /// <param name="value">The number.</param>
    internal FactSheet Add(string name, long value) => Append(new NumberFact(name, value));

    /// <summary>Tells whether something is so; people read <c>yes</c> or <c>no</c>.</summary>
    /// <param name="name">The fact's name.</param>
    /// <param name="value">Whether it is.</param>
    internal FactSheet Add(string name, bool value) => Append(new FlagFact(name, value));

    /// <summary>Tells several texts of one kind, each on a line of its own.</summary>
    /// <param name="name">The fact's name.</param>
    /// <param name="values">The texts.</param>
    internal FactSheet Add(string name, IEnumerable<string> values) => Append(new ListFact(name, [.. values]));

    /// <summary>Begins facts that belong to one thing.</summary>
    /// <param name="name">The thing.</param>
    /// <returns>Takes its facts.</returns>
    internal FactSheet AddSection(string name)
    {
        FactSheet section = new();
        Append(new SectionFact(name, section));
        return section;
    }

    /// <summary>Begins facts of several things of one kind: an array in JSON.</summary>
    /// <param name="name">The kind.</param>
    /// <param name="count">How many things there are.</param>
    /// <returns>Takes the facts of each.</returns>
    internal IReadOnlyList<FactSheet> AddSections(string name, int count)
    {
        FactSheet[] sections = [.. Enumerable.Range(0, count).Select(static _ => new FactSheet())];
        Append(new SectionsFact(name, sections));
        return sections;
    }

    /// <summary>Tells what a verifier found.</summary>
    /// <param name="report">Its report.</param>
    internal FactSheet Add(VerificationReport report) => Append(new ChecksFact("checks", report));

    /// <summary>Writes the sheet.</summary>
    /// <param name="schema">Name and version of the JSON document.</param>
    /// <param name="asJson">Whether programs read it.</param>
    /// <param name="context">Takes it.</param>
    internal void Write(string schema, bool asJson, CliContext context)
    {
        if (!asJson)
        {
            StringBuilder text = new();
            AppendTo(text, string.Empty);
            context.Write(text.ToString());
            return;
        }

        context.Write(JsonAnswer.Make(schema, WriteMembers));
    }

    /// <summary>The key in JSON of a fact with that name.</summary>
    /// <param name="name">The name: words with spaces, hyphens or underscores between them.</param>
    internal static string KeyFor(string name)
    {
        string[] words = name.Split([' ', '-', '_', '.', '/'], StringSplitOptions.RemoveEmptyEntries);
        return string.Concat(words.Select(static (word, index) =>
        {
            string lower = word.ToLowerInvariant();
            return index == 0 ? lower : char.ToUpperInvariant(lower[0]) + lower[1..];
        }));
    }

    private FactSheet Append(Fact fact)
    {
        _facts.Add(fact);
        return this;
    }

    private void AppendTo(StringBuilder text, string indent)
    {
        IEnumerable<Fact> plain = _facts.Where(static fact => fact is TextFact or NumberFact or FlagFact or ListFact);
        int width = plain.Select(static fact => fact.Name.Length + 2).DefaultIfEmpty(0).Max();
        foreach (Fact fact in _facts)
        {
            switch (fact)
            {
                case SectionFact section:
                    AppendHeading(text, indent, section.Name);
                    section.Section.AppendTo(text, indent + "  ");
                    break;

                case SectionsFact sections:
                    for (int index = 0; index < sections.Sections.Count; index++)
                    {
                        AppendHeading(text, indent, $"{sections.Name} {index + 1}");
                        sections.Sections[index].AppendTo(text, indent + "  ");
                    }

                    break;

                case ChecksFact checks:
                    AppendHeading(text, indent, checks.Name);
                    foreach (CheckResult check in checks.Report.Checks)
                    {
                        text.Append(indent).Append("  ").Append(OneLine.Clean(check.ToString())).Append('\n');
                    }

                    break;

                default:
                    AppendPlain(text, indent, fact, width);
                    break;
            }
        }
    }

    private static void AppendHeading(StringBuilder text, string indent, string name)
    {
        if (text.Length > 0)
        {
            text.Append('\n');
        }

        text.Append(indent).Append(name).Append(":\n");
    }

    private static void AppendPlain(StringBuilder text, string indent, Fact fact, int width)
    {
        string lead = indent + $"{fact.Name}:".PadRight(width);
        string[] lines = fact switch
        {
            TextFact { Value: { } value } => [value],
            NumberFact number => [number.Value.ToString(CultureInfo.InvariantCulture)],
            FlagFact flag => [flag.Value ? "yes" : "no"],
            ListFact { Values: [_, ..] values } => values,
            _ => ["-"],
        };
        foreach (string line in lines)
        {
            // Texts from files may hold anything; a line stays a line, and free of control characters.
            text.Append($"{lead}{OneLine.Clean(line)}".TrimEnd()).Append('\n');
            lead = new string(' ', lead.Length);
        }
    }

    private void WriteMembers(Utf8JsonWriter json)
    {
        foreach (Fact fact in _facts)
        {
            json.WritePropertyName(KeyFor(fact.Name));
            switch (fact)
            {
                case TextFact text:
                    json.WriteStringValue(text.Value);
                    break;

                case NumberFact number:
                    json.WriteNumberValue(number.Value);
                    break;

                case FlagFact flag:
                    json.WriteBooleanValue(flag.Value);
                    break;

                case ListFact list:
                    json.WriteStartArray();
                    foreach (string value in list.Values)
                    {
                        json.WriteStringValue(value);
                    }

                    json.WriteEndArray();
                    break;

                case SectionFact section:
                    WriteObject(json, section.Section);
                    break;

                case SectionsFact sections:
                    json.WriteStartArray();
                    foreach (FactSheet section in sections.Sections)
                    {
                        WriteObject(json, section);
                    }

                    json.WriteEndArray();
                    break;

                case ChecksFact checks:
                    WriteChecks(json, checks.Report);
                    break;

                default:
                    throw new InvalidOperationException($"There is no JSON for {fact.GetType()}.");
            }
        }
    }

    private static void WriteObject(Utf8JsonWriter json, FactSheet sheet)
    {
        json.WriteStartObject();
        sheet.WriteMembers(json);
        json.WriteEndObject();
    }

    private static void WriteChecks(Utf8JsonWriter json, VerificationReport report)
    {
        json.WriteStartArray();
        foreach (CheckResult check in report.Checks)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, check.Name);
            json.WriteString("outcome"u8, check.OutcomeText);
            json.WriteString("detail"u8, check.Detail);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private sealed record TextFact(string Name, string? Value) : Fact(Name);

    private sealed record NumberFact(string Name, long Value) : Fact(Name);

    private sealed record FlagFact(string Name, bool Value) : Fact(Name);

    private sealed record ListFact(string Name, string[] Values) : Fact(Name);

    private sealed record SectionFact(string Name, FactSheet Section) : Fact(Name);

    private sealed record SectionsFact(string Name, IReadOnlyList<FactSheet> Sections) : Fact(Name);

    private sealed record ChecksFact(string Name, VerificationReport Report) : Fact(Name);
}
