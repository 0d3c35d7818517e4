using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>A kernel file whose headers have been read and checked; its contents are read when it is loaded.</summary>
public abstract class KernelImage : IDisposable
{
    private const int MagicLength = 4;
    private const uint GzipMagic = 0x8B1F;
    private const int ClassOffset = 4;
    private const byte Class32 = 1;

    /// <summary>Takes over an opened file.</summary>
    /// <param name="source">The file; disposed with the image.</param>
    private protected KernelImage(ImageSource source)
    {
        Source = source;
    }

    /// <summary>What kind of file it is: <c>bzImage</c>, <c>ELF</c> or <c>multiboot</c>.</summary>
    public abstract string Format { get; }

    /// <summary>Most bytes of command line that the kernel takes, without the NUL.</summary>
    public abstract uint CommandLineLimit { get; }

    /// <summary>The highest address that a byte of the initrd may have.</summary>
    public abstract ulong InitrdAddressMax { get; }

    /// <summary>The file.</summary>
    public ImageSource Source { get; }

    /// <summary>The fields that decide how the kernel is loaded and entered, as its file has them.</summary>
    public abstract IReadOnlyList<KernelField> Fields { get; }

    /// <summary>The header for the zero page as the kernel file has it, or null when the file has none.</summary>
    internal virtual SetupHeader? SetupHeader => null;

    /// <summary>What stands before the user's command line, or null for nothing.</summary>
    internal virtual string? CommandLinePrefix => null;

    /// <summary>Opens a kernel: an ELF file by its magic number, a multiboot image by its header, otherwise a bzImage.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidInputException">It is not a regular file, or not a kernel that can be booted; names the field.</exception>
    /// <exception cref="FileNotFoundException">It does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static KernelImage Open(string path) => Parse(ImageSource.Open(path));

    /// <summary>Reads and checks the headers of a kernel.</summary>
    /// <param name="source">The file; belongs to the image from now on, and is disposed on failure.</param>
    /// <exception cref="InvalidInputException">It is not a kernel that can be booted; names the field.</exception>
    public static KernelImage Parse(ImageSource source)
    {
        try
        {
            if (source.Length == 0)
            {
                throw source.Invalid("size", "the file is empty");
            }

            Span<byte> magic = stackalloc byte[MagicLength];
            magic.Clear();
            source.ReadExactly(magic[..(int)Math.Min(MagicLength, source.Length)], 0, "magic number");
            if (magic.SequenceEqual("\u007fELF"u8))
            {
                return IsElf32(source) ? MultibootImage.ParseElf32(source) : ElfImage.ParseElf(source);
            }

            if (!SetupHeader.IsBootSector(source)
                && MultibootHeader.TryFind(source, out MultibootHeader header)
                && header.Addresses is MultibootAddresses addresses)
            {
                return MultibootImage.ParsePlain(source, header.Offset, addresses);
            }

            return BinaryPrimitives.ReadUInt16LittleEndian(magic) == GzipMagic
                ? throw source.Invalid("magic number", "is gzip's; unpack the file first")
                : BzImage.ParseBzImage(source);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private static bool IsElf32(ImageSource source)
    {
        Span<byte> fileClass = stackalloc byte[1];
        fileClass.Clear();
        if (source.Length > ClassOffset)
        {
            source.ReadExactly(fileClass, ClassOffset, "EI_CLASS");
        }

        return fileClass[0] == Class32;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Source.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Decides where the kernel goes, and checks that it fits.</summary>
    /// <param name="layout">The machine's layout.</param>
    /// <exception cref="InvalidInputException">It does not fit.</exception>
    internal abstract KernelPlacement Place(GuestLayout layout);

    /// <summary>Says how much RAM a kernel needs that does not fit.</summary>
    /// <param name="end">Behind the last byte below 4 GiB that it needs.</param>
    /// <param name="layout">The machine's layout.</param>
    private protected static string DescribeLack(ulong end, GuestLayout layout) =>
        $"the kernel needs RAM up to 0x{end:x}, but RAM ends at {layout.LowRam.End}; "
        + $"--memory must be at least {(end + (1 << 20) - 1) >> 20}M";

    /// <summary>Reads the kernel into RAM.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="placement">What <see cref="Place"/> decided for this RAM.</param>
    /// <returns>The pages that now hold it, ascending and apart; what the file does not fill in them is zero.</returns>
    internal IReadOnlyList<GpaRange> Load(GuestMemory memory, KernelPlacement placement)
    {
        List<GpaRange> pages = [];
        ulong written = 0;
        foreach (ImageSegment segment in placement.Segments)
        {
            // Segments may share a page. Launching a page twice would encrypt it twice, so such segments are one piece.
            ulong start = GuestPage.RoundDown(segment.Range.Start.Value);
            ulong end = GuestPage.RoundUp(segment.Range.End.Value);
            if (pages.Count > 0 && pages[^1].End.Value >= start)
            {
                start = pages[^1].Start.Value;
                pages[^1] = GpaRange.FromBounds(start, Math.Max(pages[^1].End.Value, end));
            }
            else
            {
                pages.Add(GpaRange.FromBounds(start, end));
            }

            // Zeros up to the segment, its bytes, and zeros behind it; the next segment may overwrite the last of those.
            GpaRange content = new(segment.Range.Start, segment.FileSize);
            memory.Clear(GpaRange.FromBounds(Math.Max(written, GuestPage.RoundDown(content.Start.Value)), content.Start.Value));
            Source.CopyTo(memory, content, segment.FileOffset, segment.Field);
            memory.Clear(GpaRange.FromBounds(content.End.Value, end));
            written = segment.Range.End.Value;
        }

        return pages;
    }
}
