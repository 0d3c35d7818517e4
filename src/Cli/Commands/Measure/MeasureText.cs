using System.Globalization;
using System.Text;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>What <c>measure</c> tells people.</summary>
internal static class MeasureText
{
    // Enough of a hash to tell two apart at a glance; all of it is in the JSON document.
    private const int ShortHashBytes = 8;
    private const int SizeColumn = 2;

    /// <summary>The data: the pieces if they were asked for, then the result.</summary>
    /// <param name="document">What was found.</param>
    /// <param name="steps">The pieces, or null.</param>
    /// <param name="asBase64">The form that the user wants; null for the usual one.</param>
    /// <param name="withBlocks">Whether an ID block is printed.</param>
    internal static string Write(MeasureDocument document, IReadOnlyList<MeasuredStep>? steps, bool? asBase64, bool withBlocks)
    {
        StringBuilder text = new();
        if (steps is not null)
        {
            AppendTable(text, steps);
        }

        (string hex, bool isBase64) = document.Measurement is { } measurement
            ? (measurement.Measure + measurement.Nonce, asBase64 ?? true)
            : (document.LaunchDigest, asBase64 ?? false);
        text.Append(isBase64 ? Convert.ToBase64String(Convert.FromHexString(hex)) : hex).Append('\n');
        if (withBlocks && document.IdBlock is { } block)
        {
            text.Append("id-block: ").Append(block.Block).Append('\n');
            text.Append("id-auth: ").Append(block.Authentication).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The words: what the numbers mean, and what came of what was expected.</summary>
    /// <param name="document">What was found.</param>
    internal static IEnumerable<string> Explain(MeasureDocument document)
    {
        if (document.Measurement is not null)
        {
            yield return $"launch digest {document.LaunchDigest}, policy {document.Policy}";
        }

        if (document.IdBlock is { } block)
        {
            yield return $"ID key digest {block.IdKeyDigest}";
            yield return $"author key digest {block.AuthorKeyDigest}";
        }

        foreach (MeasureDocument.ExpectationPart expectation in document.Expectations)
        {
            foreach (string line in Explain(expectation))
            {
                yield return line;
            }
        }

        if (document.Simulated)
        {
            yield return "this is the launch of a simulated guest: nothing is encrypted and nothing is confidential";
        }
    }

    private static IEnumerable<string> Explain(MeasureDocument.ExpectationPart expectation)
    {
        if (expectation.Matches)
        {
            yield return $"{expectation.Option}: matches";
            yield break;
        }

        yield return $"{expectation.Option}: DIFFERS: these inputs do not give {expectation.Value}";
        yield return expectation.Variant is { } variant
            ? $"it comes out with: {string.Join("; ", variant)}"
            : "no known variant of this launch gives it: another file, another key or a change that is not among the usual ones";
    }

    private static void AppendTable(StringBuilder text, IReadOnlyList<MeasuredStep> steps)
    {
        List<string[]> rows = [["kind", "gpa", "bytes", "contents", "digest after", "what"]];
        for (int index = 0; index < steps.Count;)
        {
            // Pages of one kind that lie side by side are one line; the JSON document has each.
            int end = index + 1;
            while (end < steps.Count && IsNext(steps[end - 1], steps[end]))
            {
                end++;
            }

            MeasuredStep last = steps[end - 1];
            rows.Add(
            [
                last.Kind,
                steps[index].Gpa is ulong gpa ? "0x" + gpa.ToString("x", CultureInfo.InvariantCulture) : "-",
                steps.Skip(index).Take(end - index).Sum(static step => step.Size).ToString(CultureInfo.InvariantCulture),
                end - index > 1 ? $"{end - index} pages" : Shorten(last.ContentsHash.Span),
                Shorten(last.DigestAfter.Span),
                last.Label,
            ]);
            index = end;
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
        {
            // Numbers stand on the right.
            IEnumerable<string> cells = row.Select((cell, column) =>
                column == SizeColumn ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            text.Append(string.Join("  ", cells).TrimEnd()).Append('\n');
        }

        text.Append('\n');
    }

    // VMSAs are all at one address; data of SEV is one step each.
    private static bool IsNext(MeasuredStep before, MeasuredStep step) =>
        before.Kind == step.Kind && before.Label == step.Label && before.Gpa is ulong gpa && step.Gpa == gpa + (ulong)before.Size;

    private static string Shorten(ReadOnlySpan<byte> hash) =>
        hash.ContainsAnyExcept((byte)0) ? Convert.ToHexStringLower(hash[..ShortHashBytes]) + "…" : "-";
}
