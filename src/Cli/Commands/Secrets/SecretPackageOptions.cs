using CommandLine;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary>The options of <c>secret package</c>.</summary>
[Verb("package", HelpText = "Encrypt a secret for one launched and measured guest.")]
internal sealed class SecretPackageOptions : CommonOptions
{
    /// <summary>The measurement.</summary>
    [Option("measurement", Required = true, MetaValue = "BASE64|FILE",
        HelpText = "What LAUNCH_MEASURE returned: base64 text, a file (raw or base64), or a launch bundle.")]
    public string Measurement { get; set; } = string.Empty;

    /// <summary>The encryption key.</summary>
    [Option("tek", MetaValue = "FILE", HelpText = "Your TEK, 16 bytes, raw or base64.")]
    public string? Tek { get; set; }

    /// <summary>The integrity key.</summary>
    [Option("tik", MetaValue = "FILE", HelpText = "Your TIK, 16 bytes, raw or base64.")]
    public string? Tik { get; set; }

    /// <summary>Both keys.</summary>
    [Option("tk", MetaValue = "FILE", HelpText = "TEK and TIK in one file, as sev-tool's tmp_tk.bin.")]
    public string? Tk { get; set; }

    /// <summary>The secret's form.</summary>
    [Choices("table", "cpio", "raw")]
    [Option("format", MetaValue = "FORM", HelpText = "table (of GUIDs), cpio or raw; what --entry, --file or --input ask for.")]
    public string? Format { get; set; }

    /// <summary>The entries of a table.</summary>
    [Option("entry", MetaValue = "GUID=FILE|GUID:TEXT",
        HelpText = "An entry of the table: a file's content, or a text; as often as needed.")]
    public IEnumerable<string> Entries { get; set; } = [];

    /// <summary>The files of an archive.</summary>
    [Option("file", MetaValue = "NAME=FILE",
        HelpText = "A file of the archive: its path in the guest, and the file here; as often as needed.")]
    public IEnumerable<string> Files { get; set; } = [];

    /// <summary>The raw secret.</summary>
    [Option("input", MetaValue = "FILE", HelpText = "The secret as it is, with --format raw.")]
    public string? Input { get; set; }

    /// <summary>Takes the header.</summary>
    [Option("header", MetaValue = "FILE", Default = "secret_header.bin", HelpText = "Takes the packet header, 52 bytes.")]
    public string Header { get; set; } = "secret_header.bin";

    /// <summary>Takes the encrypted secret.</summary>
    [Option("secret", MetaValue = "FILE", Default = "secret_payload.bin", HelpText = "Takes the encrypted secret.")]
    public string Secret { get; set; } = "secret_payload.bin";

    /// <summary>Whether the two are base64.</summary>
    [Option("base64", HelpText = "Write base64, as QEMU and libvirt take it, instead of raw bytes.")]
    public bool Base64 { get; set; }

    /// <summary>The form.</summary>
    internal SecretFormat ParsedFormat => Format is { } word
        ? ChoiceValue.Parse("--format", word, ("table", SecretFormat.Table), ("cpio", SecretFormat.Cpio), ("raw", SecretFormat.Raw))
        : Files.Any() ? SecretFormat.Cpio : Input is not null ? SecretFormat.Raw : SecretFormat.Table;

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        if (Tk is not null ? Tek is not null || Tik is not null : Tek is null || Tik is null)
        {
            throw new UsageException("give --tek and --tik, or --tk with both in one file");
        }

        SecretFormat format = ParsedFormat;
        RequireOnlyWith(SecretFormat.Table, format, "--entry", Entries.Any(), "--entry GUID=FILE");
        RequireOnlyWith(SecretFormat.Cpio, format, "--file", Files.Any(), "--file NAME=FILE");
        RequireOnlyWith(SecretFormat.Raw, format, "--input", Input is not null, "--input FILE");
    }

    private static void RequireOnlyWith(SecretFormat wanted, SecretFormat format, string option, bool isGiven, string how)
    {
        string word = wanted.ToString().ToLowerInvariant();
        if (isGiven != (wanted == format))
        {
            throw isGiven
                ? new UsageException($"{option} goes with --format {word}")
                : new UsageException($"--format {word} needs {how}");
        }
    }
}
