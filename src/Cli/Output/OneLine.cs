using System.Globalization;
using System.Text;

namespace KvmSevVmm.Cli.Output;

/// <summary>Makes text of any origin fit for one line of a terminal.</summary>
internal static class OneLine
{
    /// <summary>Replaces each control character, line break and lone surrogate by <c>\x1b</c> or <c>\u202e</c>.</summary>
    /// <param name="text">Any text: a file name, a message, what a guest sent.</param>
    internal static string Clean(string text)
    {
        if (!text.Any(MustEscape))
        {
            return text;
        }

        StringBuilder clean = new(text.Length + 16);
        for (int i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                clean.Append(text, i, 2);
                i++;
            }
            else if (MustEscape(text[i]))
            {
                string form = text[i] < 0x100 ? "\\x{0:x2}" : "\\u{0:x4}";
                clean.AppendFormat(CultureInfo.InvariantCulture, form, (int)text[i]);
            }
            else
            {
                clean.Append(text[i]);
            }
        }

        return clean.ToString();
    }

    // Format covers the bidirectional overrides, which can make a line read as something else.
    private static bool MustEscape(char letter) =>
        char.IsControl(letter) || char.IsSurrogate(letter)
        || char.GetUnicodeCategory(letter) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Format;
}
