using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Where a console of the guest goes: its first serial port, or its virtio console.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Path">The file, for <see cref="SerialKind.File"/>.</param>
internal sealed record SerialTarget(SerialKind Kind, string? Path)
{
    /// <summary>Reads <c>tty</c>, <c>off</c> or <c>file=PATH</c>; the path may hold commas and equals signs.</summary>
    /// <param name="option">The option, for messages.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">It is none of the three.</exception>
    internal static SerialTarget Parse(string option, string text)
    {
        const string FilePrefix = "file=";
        if (text.StartsWith(FilePrefix, StringComparison.Ordinal))
        {
            string path = text[FilePrefix.Length..];
            return path.Length > 0
                ? new SerialTarget(SerialKind.File, path)
                : throw FileNeedsPath(option);
        }

        // "file" stands among the choices so that it is suggested; chosen without a path it is refused.
        SerialKind kind = ChoiceValue.Parse(option, text, ("tty", SerialKind.Tty), ("off", SerialKind.Off), ("file", SerialKind.File));
        return kind == SerialKind.File ? throw FileNeedsPath(option) : new SerialTarget(kind, null);
    }

    private static UsageException FileNeedsPath(string option) => new($"{option}: file needs a path", $"write {option} file=PATH");
}
