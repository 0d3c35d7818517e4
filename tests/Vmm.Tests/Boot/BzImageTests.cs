using System.Buffers.Binary;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class BzImageTests
{
    private const ulong MiB = 1UL << 20;

    public static TheoryData<string, Action<byte[]>, string> BadFields => new()
    {
        { "boot_flag", file => file[0x1FE] = 0x54, "is 0xaa54, not 0xaa55: the file is neither an ELF file nor a bzImage" },
        { "boot_flag", file => file.AsSpan(0x1FE, 2).Clear(), "is 0x0000" },
        { "header", file => file[0x205] = (byte)'s', "is not \"HdrS\"" },
        { "version", file => Put16(file, 0x206, 0x0205), "boot protocol 2.05 is too old; 2.06 or later is needed" },
        { "version", file => Put16(file, 0x206, 0x0100), "boot protocol 1.00 is too old" },
        { "version", file => Put16(file, 0x206, 0), "boot protocol 0.00 is too old" },
        { "xloadflags", file => Put16(file, 0x206, 0x0206), "boot protocol 2.06 has no 64-bit entry; 2.12 or later is needed" },
        { "xloadflags", file => Put16(file, 0x206, 0x020B), "boot protocol 2.11 has no 64-bit entry" },
        { "xloadflags", file => file[0x236] = 0x7E, "XLF_KERNEL_64 is not set" },
        { "jump", file => file[0x200] = 0xE9, "begins with 0xe9, which is not a short jump" },
        { "jump", file => file[0x201] = 0x61, "puts the header's end at 0x263" },
        { "jump", file => file[0x201] = 0x8F, "puts the header's end at 0x291" },
        { "loadflags", file => file[0x211] = 0xFE, "LOADED_HIGH is not set" },
        { "setup_sects", file => file[0x1F1] = 9, "the real-mode part is 5120 bytes, but the file ends at byte 5120" },
        { "setup_sects", file => file[0x1F1] = 0xFF, "the real-mode part is 131072 bytes" },
        { "syssize", file => Put32(file, 0x1F4, 0x101), "the file should have 5136 bytes, but ends at byte 5120" },
        { "syssize", file => Put32(file, 0x1F4, uint.MaxValue), "the file should have 68719477744 bytes" },
        { "syssize", file => Put32(file, 0x1F4, 0), "the protected-mode part is 0 bytes" },
        { "syssize", file => Put32(file, 0x1F4, 0x20), "the protected-mode part is 512 bytes" },
        { "payload_length", file => Put32(file, 0x24C, 0xD01), "the payload would end at 0x1001" },
        { "payload_length", file => Put32(file, 0x248, uint.MaxValue), "the payload would end at 0x100000cff" },
        { "kernel_alignment", file => Put32(file, 0x230, 0), "0x0 is not a power of two" },
        { "kernel_alignment", file => Put32(file, 0x230, 0x20_1000), "0x201000 is not a power of two" },
        { "init_size", file => Put32(file, 0x260, 0), "is 0" },
        { "init_size", file => Put32(file, 0x260, 0x70_0000), "needs RAM up to 0x900000, but RAM ends at 0x800000" },
        { "init_size", file => Put32(file, 0x260, 0x70_0001), "--memory must be at least 10M" },
        { "init_size", file => Put32(file, 0x260, uint.MaxValue), "needs RAM up to 0x1001fffff" },
        { "pref_address", file => Put64(file, 0x258, 8 * MiB), "the kernel would run at 0x800000; RAM for it is [0x100000, 0x800000)" },
        { "pref_address", file => Put64(file, 0x258, ulong.MaxValue), "the kernel would run at 0xffffffffffffffff" },
        { "pref_address", file => Put32(file, 0x230, 0x8000_0000), "the kernel would run at 0x80000000" },
    };

    [Theory]
    [MemberData(nameof(BadFields))]
    public void Load_BadField_IsNamed(string field, Action<byte[]> change, string problem)
    {
        byte[] file = new BzImageBuilder().Build(change);

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 8 * MiB));

        Assert.Equal(field, e.Field);
        Assert.Equal("vmlinuz", e.Input);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PutsTheProtectedModePartAtOneMiB()
    {
        byte[] file = new BzImageBuilder().Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(file[1024..], sample.Read(0x10_0000, 0x1000));
        Assert.Equal(0x10_0200UL, sample.Image.EntryPoint.Value);
        Assert.Equal(BootProtocol.Linux64, sample.Image.Registers.Protocol);
    }

    [Theory]
    [InlineData(0, 5 * 512)]
    [InlineData(1, 2 * 512)]
    [InlineData(39, 40 * 512)]
    [InlineData(64, 65 * 512)]
    public void Load_SetupSects_GivesTheStartOfTheProtectedModePart(int setupSects, int start)
    {
        byte[] file = new BzImageBuilder { SetupSects = setupSects }.Build();

        using LoadedSample sample = LoadedSample.Load(file, 8 * MiB);

        Assert.Equal(file[start..(start + 0x1000)], sample.Read(0x10_0000, 0x1000));
    }

    [Fact]
    public void Load_BytesBehindSyssize_AreNoPartOfTheKernel()
    {
        byte[] kernel = new BzImageBuilder().Build();
        byte[] signature = [.. Enumerable.Repeat((byte)0xEE, 1472)];

        using LoadedSample sample = LoadedSample.Load([.. kernel, .. signature], 8 * MiB);

        Assert.Equal(kernel[1024..], sample.Read(0x10_0000, 0x1000));
        Assert.Equal("[0x100000, 0x101000)", sample.Piece("kernel").ToString());
    }

    [Fact]
    public void Load_EveryTruncation_NamesAFieldAndWritesNothing()
    {
        byte[] file = new BzImageBuilder().Build();
        using GuardedMemory guarded = new(GuestLayout.Create(2 * MiB, 40));
        guarded.FillRam();
        SortedSet<string> fields = [];
        for (int length = 0; length < file.Length; length++)
        {
            InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file[..length], guarded.Memory));
            fields.Add(e.Field);
        }

        Assert.Equal(["boot_flag", "header", "jump", "setup header", "setup_sects", "size", "syssize", "version"], fields);
        Assert.True(guarded.IsIntact);
        Assert.Empty(guarded.FindWrittenPages());
    }

    [Theory]
    [InlineData(0, "size", "the file is empty")]
    [InlineData(100, "boot_flag", "the file ends at byte 100, before this field at 0x1fe: the file is neither an ELF file nor a bzImage")]
    [InlineData(0x1FF, "boot_flag", "the file ends at byte 511")]
    [InlineData(0x203, "header", "the file ends at byte 515")]
    [InlineData(0x260, "setup header", "the file ends at byte 608")]
    [InlineData(1024, "setup_sects", "the real-mode part is 1024 bytes, but the file ends at byte 1024")]
    [InlineData(5119, "syssize", "the file should have 5120 bytes, but ends at byte 5119")]
    public void Load_Truncated_SaysWhere(int length, string field, string problem)
    {
        byte[] file = new BzImageBuilder().Build();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file[..length], 8 * MiB));

        Assert.Equal(field, e.Field);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_RunRange_FollowsTheDecompressor()
    {
        // Relocatable: 1 MiB rounded up to the alignment, but not below the preferred address. Not relocatable: the preferred address.
        Assert.Equal(0x50_0000UL, InitrdFloor(new BzImageBuilder { KernelAlignment = 0x40_0000, PrefAddress = 0x20_0000 }));
        Assert.Equal(0x40_0000UL, InitrdFloor(new BzImageBuilder { KernelAlignment = 0x20_0000, PrefAddress = 0x30_0000 }));
        Assert.Equal(0x30_0000UL, InitrdFloor(new BzImageBuilder { KernelAlignment = 0x20_0000, PrefAddress = 0 }));
        Assert.Equal(
            0x30_0000UL,
            InitrdFloor(new BzImageBuilder { KernelAlignment = 0x40_0000, PrefAddress = 0x20_0000, Relocatable = false }));
        Assert.Equal(0x20_1000UL, InitrdFloor(new BzImageBuilder { PrefAddress = 0x10_0000, InitSize = 0x10_0001, Relocatable = false }));

        // The image itself may reach further than the place it unpacks to.
        Assert.Equal(
            0x30_1000UL,
            InitrdFloor(new BzImageBuilder { ProtectedModeSize = 0x20_0010, PrefAddress = 0x10_0000, Relocatable = false }));
    }

    [Fact]
    public void Load_NotRelocatableAndPreferringTheBootStructures_IsRefused()
    {
        byte[] file = new BzImageBuilder { PrefAddress = 0, Relocatable = false }.Build();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 8 * MiB));

        Assert.Equal("pref_address", e.Field);
    }

    [Fact]
    public void Load_ImageLargerThanRam_IsRefused()
    {
        byte[] file = new BzImageBuilder { ProtectedModeSize = 0x10_0010 }.Build();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, 2 * MiB));

        Assert.Equal("syssize", e.Field);
        Assert.Contains("RAM up to 0x200010, but RAM ends at 0x200000; --memory must be at least 3M", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_OtherFormats_SayWhatTheyAre()
    {
        InvalidInputException gzip = Assert.Throws<InvalidInputException>(() => LoadedSample.Load([0x1F, 0x8B, 8, 0, 0], 8 * MiB));
        InvalidInputException text = Assert.Throws<InvalidInputException>(
            () => LoadedSample.Load([.. Enumerable.Repeat((byte)'x', 2000)], 8 * MiB));

        Assert.Contains("is gzip's; unpack the file first", gzip.Message, StringComparison.Ordinal);
        Assert.Equal("vmlinuz: boot_flag: is 0x7878, not 0xaa55: the file is neither an ELF file nor a bzImage", text.Message);
    }

    /// <summary>The lowest address that an initrd may have.</summary>
    private static ulong InitrdFloor(BzImageBuilder builder)
    {
        using KernelImage kernel = KernelImage.Parse(ImageSource.FromMemory("vmlinuz", builder.Build()));
        return kernel.Place(GuestLayout.Create(16 * MiB, 40)).End.Value;
    }

    private static void Put16(byte[] file, int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(offset), value);

    private static void Put32(byte[] file, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(offset), value);

    private static void Put64(byte[] file, int offset, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(offset), value);
}
