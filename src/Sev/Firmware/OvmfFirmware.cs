namespace KvmSevVmm.Sev.Firmware;

/// <summary>
/// A firmware image as the guest sees it, and what its table says about SEV: an edk2 OVMF, or any other image whose last bytes hold
/// such a table. An image without one is an image that knows nothing of SEV. Immutable.
/// </summary>
public sealed class OvmfFirmware
{
    /// <summary>Larger images are refused, in bytes.</summary>
    public const int MaximumSize = 256 << 20;

    /// <summary>The guest physical address at which every image ends: 4 GiB.</summary>
    public const ulong EndGpa = 1UL << 32;

    private readonly IReadOnlyList<OvmfTableEntry>? _entries;

    private OvmfFirmware(ReadOnlyMemory<byte> image, string input)
    {
        Image = image;
        Input = input;
        _entries = OvmfTableReader.ReadEntries(image, input);
        HashArea = ReadArea(OvmfTableIds.HashArea);
        SecretArea = ReadArea(OvmfTableIds.SecretArea);
        SevEsResetAddress = ReadNumber(OvmfTableIds.SevEsResetBlock);
        SvsmLaunchOffset = ReadNumber(OvmfTableIds.SvsmInfo);
        SnpSections = ReadNumber(OvmfTableIds.SevMetadata) is { } offset ? OvmfTableReader.ReadSections(image.Span, offset, input) : [];
    }

    /// <summary>The image.</summary>
    public ReadOnlyMemory<byte> Image { get; }

    /// <summary>The file's name, for messages.</summary>
    public string Input { get; }

    /// <summary>The guest physical address of the image's first byte.</summary>
    public ulong BaseGpa => EndGpa - (ulong)Image.Length;

    /// <summary>Whether the image has a GUID table.</summary>
    public bool HasTable => _entries is not null;

    /// <summary>The table's entries without its footer, last one first as they are read; empty where there is no table.</summary>
    public IReadOnlyList<OvmfTableEntry> Entries => _entries ?? [];

    /// <summary>Where the hashes of kernel, initrd and command line go; null where the table does not say. Its size may be 0.</summary>
    public OvmfArea? HashArea { get; }

    /// <summary>Where the launch secret goes; null where the table does not say. Its size may be 0.</summary>
    public OvmfArea? SecretArea { get; }

    /// <summary>
    /// Where processors other than the first start under SEV-ES and SEV-SNP, CS base and IP in one number; null if unknown.
    /// </summary>
    public uint? SevEsResetAddress { get; }

    /// <summary>The sections of the SEV-SNP metadata, in the order in which they are launched; empty where there are none.</summary>
    public IReadOnlyList<SnpSection> SnpSections { get; }

    /// <summary>Where an SVSM starts, in bytes from its base; null for any other image.</summary>
    public uint? SvsmLaunchOffset { get; }

    /// <summary>Whether the image can check kernel, initrd and command line against a hash table.</summary>
    public bool SupportsKernelHashes => FindHashAreaProblem() is null;

    /// <summary>Reads an image.</summary>
    /// <param name="image">The image; kept, not copied.</param>
    /// <param name="input">Its name, for messages.</param>
    /// <exception cref="SevFormatException">The image is empty or too large, or its table is malformed.</exception>
    public static OvmfFirmware Parse(ReadOnlyMemory<byte> image, string input) => image.Length is > 0 and <= MaximumSize
        ? new OvmfFirmware(image, input)
        : throw new SevFormatException(input, "size", $"a firmware image has 1 to {MaximumSize} bytes, not {image.Length}");

    /// <summary>Reads an image from a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SevFormatException">The image is empty or too large, or its table is malformed.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static OvmfFirmware Read(string path)
    {
        using FileStream stream = File.OpenRead(path);
        long promised = stream.CanSeek ? stream.Length : 0;
        using MemoryStream content = new(promised <= MaximumSize ? (int)promised : throw MakeTooLarge(path));
        byte[] piece = new byte[1 << 16];

        // Counted while it comes: a device or a pipe promises no length.
        for (int count = stream.Read(piece); count > 0; count = stream.Read(piece))
        {
            content.Write(piece, 0, count);
            if (content.Length > MaximumSize)
            {
                throw MakeTooLarge(path);
            }
        }

        return Parse(content.GetBuffer().AsMemory(0, (int)content.Length), path);
    }

    /// <summary>The hash area of an image that can check kernel, initrd and command line.</summary>
    /// <exception cref="SevFormatException">The image cannot, and why.</exception>
    public OvmfArea RequireHashArea() => FindHashAreaProblem() is { } problem
        ? throw new SevFormatException(Input, "SEV hash area", problem)
        : HashArea!.Value;

    /// <summary>The address at which processors other than the first start.</summary>
    /// <exception cref="SevFormatException">The image does not say.</exception>
    public uint RequireSevEsResetAddress() => SevEsResetAddress
        ?? throw new SevFormatException(
            Input,
            "SEV-ES reset block",
            "the image does not say where further processors start: SEV-ES and SEV-SNP guests of several vCPUs need that");

    /// <summary>The sections of an image that can be launched as a SEV-SNP guest.</summary>
    /// <exception cref="SevFormatException">The image cannot, and why.</exception>
    public IReadOnlyList<SnpSection> RequireSnpSections()
    {
        const string Field = "SEV metadata";
        if (SnpSections.Count == 0)
        {
            throw new SevFormatException(
                Input,
                Field,
                "the image has no SEV-SNP metadata and cannot be a SEV-SNP guest (Debian 12's OVMF_CODE_4M.fd is so): take an AmdSevX64 "
                + "or OvmfPkgX64 build of edk2 from 2022 or later");
        }

        if (Image.Length % SnpSection.PageSize != 0)
        {
            throw new SevFormatException(Input, "size", $"{Image.Length} bytes are not whole pages of {SnpSection.PageSize} bytes");
        }

        // The firmware itself is memory that is launched: nothing may be launched twice.
        List<(ulong Start, ulong End)> taken = [(BaseGpa, EndGpa)];
        for (int index = 0; index < SnpSections.Count; index++)
        {
            SnpSection section = SnpSections[index];
            string name = $"{Field} section {index + 1}";
            if (section.FindProblem() is { } problem)
            {
                throw new SevFormatException(Input, name, problem);
            }

            if (taken.Exists(other => section.Gpa < other.End && other.Start < section.End))
            {
                throw new SevFormatException(Input, name, $"{section.TypeName} at 0x{section.Gpa:x} overlaps what is launched before it");
            }

            taken.Add((section.Gpa, section.End));
        }

        return SnpSections;
    }

    private static SevFormatException MakeTooLarge(string path) => new(path, "size", $"a firmware image has at most {MaximumSize} bytes");

    private string? FindHashAreaProblem()
    {
        if (HashArea is not { } area)
        {
            return "the image has none and ignores kernel hashes: take an AmdSevX64 build of edk2";
        }

        if (area.Size == 0 || area.Base == 0)
        {
            return $"it has size {area.Size} at 0x{area.Base:x}: the image ignores kernel hashes (Debian's OVMF.fd is so); take an "
                + "AmdSevX64 build of edk2";
        }

        return area.Size < SevHashTable.PaddedSize
            ? $"it has {area.Size} bytes, but the hash table has {SevHashTable.PaddedSize}"
            : null;
    }

    private OvmfArea? ReadArea(Guid id) => OvmfTableReader.ReadNumbers(Entries, id, 2, Input) is { } numbers
        ? new OvmfArea(numbers[0], numbers[1])
        : null;

    private uint? ReadNumber(Guid id) => OvmfTableReader.ReadNumbers(Entries, id, 1, Input)?[0];
}
