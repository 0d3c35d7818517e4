using System.Globalization;

namespace KvmSevVmm.Vmm.Host;

/// <summary>Reads the files of /proc that hold one <c>Name: value</c> a line.</summary>
internal static class ProcFile
{
    /// <summary>The value of a field.</summary>
    /// <param name="path">The file.</param>
    /// <param name="field">The field's name, without its colon.</param>
    /// <returns>The value without blanks at its ends, or null when the file has no such field.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    internal static string? Find(string path, string field)
    {
        foreach (string line in File.ReadLines(path))
        {
            if (TryGetValue(line, field, out ReadOnlySpan<char> value))
            {
                return value.ToString();
            }
        }

        return null;
    }

    /// <summary>The value of a field that counts in kB.</summary>
    /// <param name="path">The file.</param>
    /// <param name="field">The field's name, without its colon.</param>
    /// <returns>Bytes, or null when the file has no such field or it is no number.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    internal static ulong? FindKilobytes(string path, string field) => Find(path, field) is { } value ? ParseKilobytes(value) : null;

    /// <summary>Whether a line holds a field, and its value.</summary>
    /// <param name="line">The line.</param>
    /// <param name="field">The field's name, without its colon.</param>
    /// <param name="value">The value without blanks at its ends.</param>
    internal static bool TryGetValue(ReadOnlySpan<char> line, string field, out ReadOnlySpan<char> value)
    {
        bool isField = line.Length > field.Length && line[field.Length] == ':' && line.StartsWith(field, StringComparison.Ordinal);
        value = isField ? line[(field.Length + 1)..].Trim() : default;
        return isField;
    }

    /// <summary>A value that counts in kB.</summary>
    /// <param name="value">Such as <c>1024 kB</c>.</param>
    /// <returns>Bytes, or null when it is no number.</returns>
    internal static ulong? ParseKilobytes(ReadOnlySpan<char> value)
    {
        const string Unit = "kB";
        ReadOnlySpan<char> digits = value.EndsWith(Unit, StringComparison.Ordinal) ? value[..^Unit.Length].TrimEnd() : value;
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong kilobytes) ? kilobytes * 1024 : null;
    }
}
