using System.Security.Cryptography;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class GuestFirmwareTests : IDisposable
{
    private const ulong MiB = 1 << 20;
    private readonly TempDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_FirmwareAndHashes_MeasureAsForetold()
    {
        GuestFirmware firmware = Read(OvmfBuilder.Complete(), withHashes: true);
        using GuestMemory memory = Map(firmware.Length);

        LoadedImage image = LoadedImage.LoadFirmware(firmware, memory);

        Assert.Equal(
            [
                new LoadedPiece("firmware", GpaRange.FromBounds(0xFFFF_C000, 0x1_0000_0000)),
                new LoadedPiece("hash table", GpaRange.FromBounds(0x81_0C00, 0x81_0CB0)),
            ],
            image.Measured);
        Assert.Equal((BootProtocol.ResetVector, new Gpa(0xFFFF_FFF0)), (image.Registers.Protocol, image.EntryPoint));
        byte[] launched = [.. image.Measured.SelectMany(piece => memory.GetSpan(piece.Range.Start, (int)piece.Range.Length).ToArray())];
        byte[] foretold = LaunchDigests.Compute(new LaunchInputs
        {
            Mode = LaunchMode.Sev,
            Firmware = firmware.Image,
            Kernel = new KernelHashes(SHA256.HashData("kernel"u8), SHA256.HashData("initrd"u8), "quiet"),
        });
        Assert.Equal(foretold, SHA256.HashData(launched));
    }

    [Fact]
    public void GetStartAddress_OfFurtherVcpus_IsTheImages()
    {
        GuestFirmware firmware = Read(OvmfBuilder.Complete(), withHashes: false);

        Assert.Equal((0xFFFF_FFF0u, 0x80_B004u), (firmware.GetStartAddress(0), firmware.GetStartAddress(3)));
        Assert.Equal(
            "SEV-ES reset block",
            Assert.Throws<SevFormatException>(() => Read(new OvmfBuilder(), withHashes: false).GetStartAddress(1)).Field);
    }

    [Fact]
    public void Read_HashesForAnImageThatIgnoresThem_IsRefused()
    {
        OvmfBuilder none = OvmfBuilder.Complete().Remove(OvmfTableIds.HashArea);
        OvmfBuilder empty = OvmfBuilder.Complete().Remove(OvmfTableIds.HashArea).Add(OvmfTableIds.HashArea, 0, 0);
        OvmfBuilder crooked = OvmfBuilder.Complete().Remove(OvmfTableIds.HashArea).Add(OvmfTableIds.HashArea, 0x81_0C04, 0x400);

        Assert.All(
            [none, empty, crooked],
            builder => Assert.Equal("SEV hash area", Assert.Throws<SevFormatException>(() => Read(builder, withHashes: true)).Field));
        Assert.Null(Read(none, withHashes: false).Hashes);
    }

    [Fact]
    public void Load_HashAreaOutsideRam_IsRefused()
    {
        OvmfBuilder far = OvmfBuilder.Complete().Remove(OvmfTableIds.HashArea).Add(OvmfTableIds.HashArea, 0x1000_0000, 0x400);
        GuestFirmware firmware = Read(far, withHashes: true);
        using GuestMemory memory = Map(firmware.Length);

        Assert.Equal("SEV hash area", Assert.Throws<InvalidInputException>(() => LoadedImage.LoadFirmware(firmware, memory)).Field);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData((16 << 20) + 4096)]
    public void Read_SizeThatNoGuestHas_IsRefused(int size)
    {
        string path = _folder.Write("broken.fd", new byte[size]);

        InvalidInputException refused = Assert.Throws<InvalidInputException>(
            () => GuestFirmware.Read(new BootConfig(null, null, string.Empty, path), withHashes: false));

        Assert.Equal("size", refused.Field);
    }

    [Fact]
    public void Layout_FirmwareEndsAtFourGiBAndIsRam()
    {
        GuestLayout layout = GuestLayout.Create(5UL << 30, 48, SevMode.Simulated, 47, firmwareBytes: 4 * MiB);
        using GuestMemory memory = GuestMemory.Create(layout);

        Assert.Equal("[0x0, 0xc0000000) [0xffc00000, 0x100000000) [0x100000000, 0x180000000)", string.Join(' ', layout.RamRanges));
        Assert.Equal(5UL << 30, layout.MemoryBytes);
        memory.Write(new Gpa(0xFFFF_FFF8), 0x1122_3344_5566_7788UL);
        Assert.Equal(0x88, memory.Read<byte>(new Gpa(0xFFFF_FFF8)));
        Assert.False(memory.Contains(GpaRange.FromBounds(0xFFFF_F000, 0x1_0000_1000)));
        Assert.Contains(layout.E820, static entry => entry.Range.Start == new Gpa(0xFFC0_0000) && entry.Type == E820Type.Reserved);
    }

    [Fact]
    public void Discard_FirmwarePages_ReadAsZero()
    {
        GuestFirmware firmware = Read(OvmfBuilder.Complete(), withHashes: false);
        using GuestMemory memory = Map(firmware.Length);
        LoadedImage.LoadFirmware(firmware, memory);

        memory.Discard(new GpaRange(new Gpa(0xFFFF_F000), 0x1000));

        Assert.False(memory.GetSpan(new Gpa(0xFFFF_F000), 0x1000).ContainsAnyExcept((byte)0));
        Assert.True(memory.GetSpan(new Gpa(0xFFFF_C000), 0x1000).ContainsAnyExcept((byte)0));
    }

    private static GuestMemory Map(ulong firmwareBytes) =>
        GuestMemory.Create(GuestLayout.Create(64 * MiB, 48, SevMode.Sev, 47, firmwareBytes));

    private GuestFirmware Read(OvmfBuilder builder, bool withHashes) => GuestFirmware.Read(
        new BootConfig(
            _folder.Write("kernel", "kernel"u8.ToArray()),
            _folder.Write("initrd", "initrd"u8.ToArray()),
            "quiet",
            _folder.Write("OVMF.fd", builder.ToBytes())),
        withHashes);
}
