namespace KvmSevVmm.Cli.Parsing;

/// <summary>Finds the word that the user most likely meant.</summary>
internal static class Suggestion
{
    /// <summary>The candidate nearest to <paramref name="word"/>, or null when none is near enough to be worth a guess.</summary>
    /// <param name="word">What the user wrote.</param>
    /// <param name="candidates">What would have been understood; of equally near ones the first wins.</param>
    /// <remarks>
    /// Near enough is one edit for up to five characters, two for up to eight, then a third of the length; a word that one single candidate
    /// starts or ends with counts too (<c>snp</c> for <c>sev-snp</c>).
    /// </remarks>
    internal static string? Nearest(string word, IEnumerable<string> candidates)
    {
        List<string> all = [.. candidates];
        string lower = word.ToLowerInvariant();
        string? best = null;
        int bestDistance = AllowedEdits(lower.Length) + 1;
        foreach (string candidate in all)
        {
            int distance = EditDistance(lower, candidate);
            if (distance < bestDistance)
            {
                best = candidate;
                bestDistance = distance;
            }
        }

        if (best is not null || lower.Length < 2)
        {
            return best;
        }

        List<string> containing =
            [.. all.Where(candidate =>
                candidate.StartsWith(lower, StringComparison.Ordinal) || candidate.EndsWith(lower, StringComparison.Ordinal))];
        return containing.Count == 1 ? containing[0] : null;
    }

    /// <summary>
    /// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other (optimal string alignment).
    /// </summary>
    /// <param name="left">One word.</param>
    /// <param name="right">The other.</param>
    internal static int EditDistance(string left, string right)
    {
        int[,] distance = new int[left.Length + 1, right.Length + 1];
        for (int i = 0; i <= left.Length; i++)
        {
            distance[i, 0] = i;
        }

        for (int j = 0; j <= right.Length; j++)
        {
            distance[0, j] = j;
        }

        for (int i = 1; i <= left.Length; i++)
        {
            for (int j = 1; j <= right.Length; j++)
            {
                int substitution = distance[i - 1, j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
                int best = Math.Min(substitution, Math.Min(distance[i - 1, j], distance[i, j - 1]) + 1);
                if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                {
                    best = Math.Min(best, distance[i - 2, j - 2] + 1);
                }

                distance[i, j] = best;
            }
        }

        return distance[left.Length, right.Length];
    }

    private static int AllowedEdits(int length) => length switch
    {
        <= 5 => 1,
        <= 8 => 2,
        _ => length / 3,
    };
}
