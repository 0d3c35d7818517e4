using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>A bzImage: the protected-mode part is loaded at 1 MiB and entered in 64-bit mode.</summary>
public sealed class BzImage : KernelImage
{
    /// <summary>Where the 64-bit entry lies in the protected-mode part.</summary>
    internal const ulong EntryOffset = 0x200;

    private readonly SetupHeader _header;

    private BzImage(ImageSource source, SetupHeader header)
        : base(source)
    {
        _header = header;
    }

    /// <inheritdoc/>
    public override string Format => "bzImage";

    /// <inheritdoc/>
    public override uint CommandLineLimit => _header.CommandLineSize;

    /// <inheritdoc/>
    public override ulong InitrdAddressMax => _header.InitrdAddressMax;

    /// <inheritdoc/>
    public override IReadOnlyList<KernelField> Fields => _header.Describe(Source);

    /// <inheritdoc/>
    internal override SetupHeader? SetupHeader => _header;

    internal static BzImage ParseBzImage(ImageSource source) => new(source, SetupHeader.Read(source));

    /// <inheritdoc/>
    internal override KernelPlacement Place(GuestLayout layout)
    {
        // What lies behind syssize in the file, such as the signature for secure boot, is no part of the running kernel.
        ulong size = _header.ProtectedModeSize;
        GpaRange image = new(new Gpa(GuestLayout.KernelAddress), size);
        if (!layout.LowRam.Contains(image))
        {
            throw Source.Invalid("syssize", DescribeLack(image.End.Value, layout));
        }

        GpaRange run = GetRunRange(layout);
        ImageSegment segment = new((ulong)_header.SetupSize, size, image, "syssize");
        Gpa end = new(GuestPage.RoundUp(Math.Max(image.End.Value, run.End.Value)));
        return new KernelPlacement(BootProtocol.Linux64, image.Start + EntryOffset, [segment], end);
    }

    /// <summary>Where the decompressor puts the kernel, which it does before it looks at the memory map or at the initrd.</summary>
    private GpaRange GetRunRange(GuestLayout layout)
    {
        // As Linux's compressed/head_64.S has it: the load address rounded up, but never below the address it was linked for.
        ulong start = _header.PreferredAddress;
        if (_header.IsRelocatable)
        {
            ulong alignment = _header.KernelAlignment;
            start = Math.Max(start, (GuestLayout.KernelAddress + alignment - 1) & ~(alignment - 1));
        }

        if (start < GuestLayout.ExtendedMemoryStart || !layout.LowRam.Contains(new Gpa(start)))
        {
            GpaRange usable = GpaRange.FromBounds(GuestLayout.ExtendedMemoryStart, layout.LowRam.End.Value);
            throw Source.Invalid("pref_address", $"the kernel would run at 0x{start:x}; RAM for it is {usable}");
        }

        GpaRange run = new(new Gpa(start), _header.InitSize);
        return layout.LowRam.Contains(run) ? run : throw Source.Invalid("init_size", DescribeLack(run.End.Value, layout));
    }
}
