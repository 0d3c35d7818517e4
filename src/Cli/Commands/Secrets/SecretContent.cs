using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary>Composes a secret out of what the user names.</summary>
internal static class SecretContent
{
    private const int Granule = 16;

    /// <summary>Composes.</summary>
    /// <param name="options">What the user names.</param>
    /// <param name="context">Takes a warning.</param>
    /// <returns>The secret, a multiple of 16 bytes, and what is in it.</returns>
    /// <exception cref="UsageException">An entry is not what it must be.</exception>
    internal static (byte[] Bytes, IReadOnlyList<string> Parts) Compose(SecretPackageOptions options, CliContext context)
    {
        List<string> parts = [];
        byte[] bytes;
        switch (options.ParsedFormat)
        {
            case SecretFormat.Table:
                List<SecretEntry> entries = [.. options.Entries.Select(text => ReadEntry(text, options, context))];
                parts.AddRange(entries.Select(static entry => $"{entry.Id}: {entry.Data.Length} bytes"));
                bytes = SecretTable.ToBytes(entries);
                break;

            case SecretFormat.Cpio:
                List<SecretFile> files = [.. options.Files.Select(ReadFile)];
                parts.AddRange(files.Select(static file => $"{file.Name}: {file.Content.Length} bytes"));
                bytes = SecretArchive.ToBytes(files);
                break;

            default:
                byte[] content = InputBlob.ReadContent("--input", options.Input!);
                bytes = new byte[(content.Length + Granule - 1) / Granule * Granule];
                content.CopyTo(bytes, 0);
                parts.Add($"{content.Length} bytes{(bytes.Length == content.Length ? string.Empty : ", padded with zeros")}");
                break;
        }

        return (bytes, parts);
    }

    private static SecretEntry ReadEntry(string text, SecretPackageOptions options, CliContext context)
    {
        const int GuidLength = 36;
        if (text.Length <= GuidLength || !Guid.TryParseExact(text[..GuidLength], "D", out Guid id) || text[GuidLength] is not ('=' or ':'))
        {
            throw new UsageException(
                $"--entry: '{text}' is neither GUID=FILE nor GUID:TEXT",
                "a GUID looks like 736869e5-84f0-4973-92ec-06879ce3da0b (Linux's name for a disk's passphrase)");
        }

        string value = text[(GuidLength + 1)..];
        if (text[GuidLength] == '=')
        {
            return new SecretEntry(id, InputBlob.ReadContent("--entry", value));
        }

        // sevctl's colon means a file: whoever comes from there must hear that this one does not.
        if (File.Exists(value) && !options.Quiet)
        {
            context.Error.WriteLine(
                $"kvmsev: --entry: the secret is the text '{OneLine.Clean(value)}', not that file's content; write GUID=FILE");
        }

        return new SecretEntry(id, System.Text.Encoding.UTF8.GetBytes(value));
    }

    private static SecretFile ReadFile(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0
            ? new SecretFile(text[..equals], InputBlob.ReadContent("--file", text[(equals + 1)..]))
            : throw new UsageException($"--file: '{text}' is not NAME=FILE", "write for instance etc/disk.key=./disk.key");
    }
}
