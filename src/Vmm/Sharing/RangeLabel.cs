using System.Globalization;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a range of memory is used for.</summary>
public sealed record RangeLabel
{
    /// <summary>Most UTF-16 units in a label.</summary>
    public const int MaximumLength = 256;

    /// <summary>Makes a label.</summary>
    /// <param name="text">1 to 256 UTF-16 units, without control or formatting characters.</param>
    /// <param name="certainty">How sure it is.</param>
    /// <exception cref="ArgumentException">The text is not a label's.</exception>
    public RangeLabel(string text, LabelCertainty certainty)
    {
        if (FindProblem(text) is string problem)
        {
            throw new ArgumentException(problem, nameof(text));
        }

        Text = text;
        Certainty = certainty;
    }

    /// <summary>The words.</summary>
    public string Text { get; }

    /// <summary>How sure it is.</summary>
    public LabelCertainty Certainty { get; }

    /// <summary>What keeps a text from being a label: one clause, or null when it is one.</summary>
    internal static string? FindProblem(string text)
    {
        if (text.Length is 0 or > MaximumLength)
        {
            return "must have 1 to 256 characters";
        }

        // A label ends up in terminals and in web pages: nothing that moves a cursor or turns text around.
        for (int i = 0; i < text.Length; i += char.IsSurrogatePair(text, i) ? 2 : 1)
        {
            UnicodeCategory category = CharUnicodeInfo.GetUnicodeCategory(text, i);
            if (category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate)
            {
                return "must have no control characters and no halves of surrogate pairs";
            }
        }

        return null;
    }
}
