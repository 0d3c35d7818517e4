namespace KvmSevVmm.TestSupport;

/// <summary>The commands of a document, as its reader types them: lines after <c>$ </c> in its <c>console</c> blocks.</summary>
/// <remarks>
/// A block behind a line <c>&lt;!-- laboratory --&gt;</c> needs a host that can simulate SEV, one behind <c>&lt;!-- hardware --&gt;</c> an
/// EPYC; every other block runs anywhere.
/// </remarks>
public static class WalkThrough
{
    private const string Prompt = "$ ";

    /// <summary>The commands that run at one of the places, in order; a command of several lines is one text.</summary>
    /// <param name="path">The document.</param>
    /// <param name="withLaboratory">Whether those that need the laboratory are among them.</param>
    /// <exception cref="InvalidDataException">A mark is unknown.</exception>
    public static IReadOnlyList<string> ReadCommands(string path, bool withLaboratory)
    {
        List<string> commands = [];
        string mark = string.Empty;
        bool isInside = false;
        bool isContinued = false;
        foreach (string line in File.ReadLines(path))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                isInside = line == "```console";
                mark = isInside || line != "```" ? mark : string.Empty;
            }
            else if (line.StartsWith("<!--", StringComparison.Ordinal))
            {
                mark = line is "<!-- laboratory -->" or "<!-- hardware -->"
                    ? line
                    : throw new InvalidDataException($"{path}: unknown mark {line}");
            }
            else if (isInside && (isContinued || line.StartsWith(Prompt, StringComparison.Ordinal)) && IsWanted(mark, withLaboratory))
            {
                if (isContinued)
                {
                    commands[^1] += "\n" + line;
                }
                else
                {
                    commands.Add(line[Prompt.Length..]);
                }

                isContinued = line.EndsWith('\\');
            }
        }

        return commands;
    }

    private static bool IsWanted(string mark, bool withLaboratory) =>
        mark.Length == 0 || (withLaboratory && mark == "<!-- laboratory -->");
}
