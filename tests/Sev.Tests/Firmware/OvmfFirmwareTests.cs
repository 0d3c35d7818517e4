using KvmSevVmm.Sev.Firmware;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Firmware;

public sealed class OvmfFirmwareTests
{
    private const string AmdSev = "virtee-sev-snp-measure/ovmf_AmdSev_suffix.bin";
    private const string OvmfX64 = "virtee-sev-snp-measure/ovmf_OvmfX64_suffix.bin";
    private const string Rhel = "virtee-sevctl/OVMF.amdsev.fd_trimmed_edk2-ovmf-20220126gitbb1bba3d77-4.el9";

    [Fact]
    public void Parse_AmdSevX64_FindsEverything()
    {
        OvmfFirmware firmware = OvmfFirmware.Read(Vectors.Path(AmdSev));

        Assert.True(firmware.HasTable);
        Assert.Equal(0xFFFFF000UL, firmware.BaseGpa);
        Assert.Equal(new OvmfArea(0x810c00, 0x400), firmware.RequireHashArea());
        Assert.Equal(new OvmfArea(0x810000, 0xc00), firmware.SecretArea);
        Assert.Equal(0x80b004U, firmware.RequireSevEsResetAddress());
        Assert.True(firmware.SupportsKernelHashes);
        Assert.Null(firmware.SvsmLaunchOffset);
        Assert.Equal(
            [
                new SnpSection(0x800000, 0x9000, SnpSectionType.SecMem),
                new SnpSection(0x80a000, 0x3000, SnpSectionType.SecMem),
                new SnpSection(0x80d000, 0x1000, SnpSectionType.Secrets),
                new SnpSection(0x80e000, 0x1000, SnpSectionType.Cpuid),
                new SnpSection(0x80f000, 0x1000, SnpSectionType.SvsmCaa),
                new SnpSection(0x810000, 0x1000, SnpSectionType.KernelHashes),
                new SnpSection(0x811000, 0xf000, SnpSectionType.SecMem),
            ],
            firmware.RequireSnpSections());
        Assert.Equal(
            ["SEV-ES reset block", "SEV secret area", "SEV hash area", "SEV metadata", "TDX metadata"],
            firmware.Entries.Select(entry => entry.Name));
    }

    [Fact]
    public void Parse_OvmfPkgX64_HasAHashAreaOfSizeZero()
    {
        OvmfFirmware firmware = OvmfFirmware.Read(Vectors.Path(OvmfX64));

        Assert.Equal(new OvmfArea(0, 0), firmware.HashArea);
        Assert.False(firmware.SupportsKernelHashes);
        Assert.Equal(6, firmware.RequireSnpSections().Count);
        SevFormatException refusal = Assert.Throws<SevFormatException>(() => firmware.RequireHashArea());
        Assert.Equal("SEV hash area", refusal.Field);
        Assert.Contains("it has size 0 at 0x0: the image ignores kernel hashes", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Rhel9OfJanuary2022_KnowsHashesButNoSnp()
    {
        OvmfFirmware firmware = OvmfFirmware.Read(Vectors.Path(Rhel));

        Assert.Equal(new OvmfArea(0x80cc00, 0x400), firmware.RequireHashArea());
        Assert.Equal(new OvmfArea(0x80c000, 0xc00), firmware.SecretArea);
        Assert.Equal(0x80b004U, firmware.SevEsResetAddress);
        Assert.Empty(firmware.SnpSections);
        Assert.Contains(
            "no SEV-SNP metadata",
            Assert.Throws<SevFormatException>(() => firmware.RequireSnpSections()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Debian12sImages_AreAsUsersFindThem()
    {
        OvmfFirmware whole = OvmfFirmware.Read(DebianOvmf.Path("/usr/share/ovmf/OVMF.fd"));
        OvmfFirmware code = OvmfFirmware.Read(DebianOvmf.Path("/usr/share/OVMF/OVMF_CODE_4M.fd"));

        Assert.True(whole.HasTable);
        Assert.Equal(0U, whole.HashArea!.Value.Size);
        Assert.Throws<SevFormatException>(() => whole.RequireHashArea());
        Assert.Empty(code.SnpSections);
        Assert.Throws<SevFormatException>(() => code.RequireSnpSections());
    }

    [Fact]
    public void Parse_WithoutTable_IsAnImageThatKnowsNothingOfSev()
    {
        OvmfFirmware firmware = OvmfFirmware.Parse(new byte[4096], "seabios.bin");

        Assert.False(firmware.HasTable);
        Assert.Empty(firmware.Entries);
        Assert.Null(firmware.HashArea);
        Assert.Null(firmware.SecretArea);
        Assert.Contains("has none", Assert.Throws<SevFormatException>(() => firmware.RequireHashArea()).Message, StringComparison.Ordinal);
        Assert.Equal("SEV-ES reset block", Assert.Throws<SevFormatException>(() => firmware.RequireSevEsResetAddress()).Field);
        Assert.False(OvmfFirmware.Parse(new byte[1], "tiny").HasTable);
        Assert.Equal("size", Assert.Throws<SevFormatException>(() => OvmfFirmware.Parse(ReadOnlyMemory<byte>.Empty, "empty")).Field);
    }

    [Fact]
    public void Read_MoreThanTheMaximum_IsRefused()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (FileStream file = File.OpenWrite(path))
            {
                file.SetLength(OvmfFirmware.MaximumSize + 1L);
            }

            Assert.Equal("size", Assert.Throws<SevFormatException>(() => OvmfFirmware.Read(path)).Field);

            // No length is promised here; what comes is counted.
            Assert.Equal("size", Assert.Throws<SevFormatException>(() => OvmfFirmware.Read("/dev/zero")).Field);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Parse_BuiltImage_RoundTrips()
    {
        OvmfFirmware firmware = OvmfBuilder.Complete().Add(OvmfTableIds.SvsmInfo, 0x1234).Build();

        Assert.Equal(0x1234U, firmware.SvsmLaunchOffset);
        Assert.Equal(new OvmfArea(0x810c00, 0x400), firmware.RequireHashArea());
        Assert.Equal("0x810c00, 1024 bytes", firmware.HashArea!.Value.ToString());
        Assert.Equal(0x811000UL, firmware.HashArea!.Value.End);
        Assert.Equal(5, firmware.RequireSnpSections().Count);
        Assert.Equal(0x80b004U, firmware.SevEsResetAddress);
    }

    [Fact]
    public void Parse_BrokenTable_NamesTheEntry()
    {
        byte[] image = OvmfBuilder.Complete().ToBytes();
        Assert.Equal("table length", RefusalOf(image, image.Length - 50, 0xFF, 0xFF));
        Assert.Equal("table length", RefusalOf(image, image.Length - 50, 17, 0));

        // Before the footer's 18 bytes ends the metadata's entry, with its length before its GUID.
        int entryLength = image.Length - 0x20 - 18 - 18;
        Assert.StartsWith("table entry SEV metadata", RefusalOf(image, entryLength, 17, 0), StringComparison.Ordinal);
        Assert.StartsWith("table entry SEV metadata", RefusalOf(image, entryLength, 0xFF, 0), StringComparison.Ordinal);
        Assert.StartsWith("table entry", RefusalOf(image, entryLength, 23, 0), StringComparison.Ordinal);
        Assert.StartsWith("table entry", Refuse(OvmfBuilder.Complete().Add(OvmfTableIds.HashArea, 1, 2)).Field, StringComparison.Ordinal);
        Assert.StartsWith(
            "table entry SEV hash area",
            Refuse(new OvmfBuilder().Add(OvmfTableIds.HashArea, 1)).Field,
            StringComparison.Ordinal);

        // A table length that cuts an entry leaves a rest.
        int total = BitConverter.ToUInt16(image, image.Length - 50) - 20;
        Assert.Equal("table", RefusalOf(image, image.Length - 50, (byte)total, (byte)(total >> 8)));
    }

    [Fact]
    public void Parse_BrokenMetadata_NamesTheField()
    {
        Assert.Equal("SEV metadata signature", Refuse(new OvmfBuilder { Signature = "ASEW" }.AddSection(0, 4096, 1)).Field);
        Assert.Equal("SEV metadata version", Refuse(new OvmfBuilder { MetadataVersion = 2 }.AddSection(0, 4096, 1)).Field);
        Assert.Equal("SEV metadata length", Refuse(new OvmfBuilder { MetadataLength = 27 }.AddSection(0, 4096, 1)).Field);
        Assert.Equal("SEV metadata length", Refuse(new OvmfBuilder { MetadataLength = uint.MaxValue }.AddSection(0, 4096, 1)).Field);
        Assert.Equal("SEV metadata offset", Refuse(new OvmfBuilder().Add(OvmfTableIds.SevMetadata, uint.MaxValue)).Field);
        Assert.Equal("SEV metadata offset", Refuse(new OvmfBuilder().Add(OvmfTableIds.SevMetadata, 15)).Field);
    }

    [Theory]
    [InlineData(0x800001, 0x1000, 1, "whole pages")]
    [InlineData(0x800000, 0x1001, 1, "whole pages")]
    [InlineData(0x800000, 0, 1, "whole pages")]
    [InlineData(0x800000, 0x2000, 2, "SECRETS is one page, not 2")]
    [InlineData(0x800000, 0x2000, 3, "CPUID is one page, not 2")]
    [InlineData(0x800000, 0x2000, 0x10, "KERNEL_HASHES is one page, not 2")]
    [InlineData(0x800000, 0x1000, 5, "type 0x5 is none that this program knows")]
    [InlineData(0xFFFFC000, 0x1000, 1, "overlaps")]
    [InlineData(0xFFFFF000, 0xFFFFF000, 1, "overlaps")]
    [InlineData(0x700000, 0x1000, 1, "overlaps")]
    public void RequireSnpSections_SectionThatCannotBeLaunched_IsRefused(uint gpa, uint size, uint type, string problem)
    {
        OvmfFirmware firmware = new OvmfBuilder().AddSection(0x6FF000, 0x2000, 1).AddSection(gpa, size, type).Build();

        SevFormatException refusal = Assert.Throws<SevFormatException>(() => firmware.RequireSnpSections());

        Assert.Equal("SEV metadata section 2", refusal.Field);
        Assert.Contains(problem, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_TruncatedOrMutated_OnlyRefuses()
    {
        byte[] amdSev = OvmfBuilder.Complete().Add(OvmfTableIds.SvsmInfo, 7).ToBytes()[^4096..];
        Fuzz.Truncate(amdSev, Use);

        // What matters stands in the last 2 KiB.
        Fuzz.Mutate([amdSev[^2048..]], Use);
    }

    private static void Use(byte[] image)
    {
        OvmfFirmware firmware = OvmfFirmware.Parse(image, "fuzz");
        Assert.Equal(firmware.SupportsKernelHashes, firmware.HashArea is { Base: > 0, Size: >= 176 });
        _ = firmware.RequireSnpSections();
    }

    private static SevFormatException Refuse(OvmfBuilder builder) => Assert.Throws<SevFormatException>(builder.Build);

    private static string RefusalOf(byte[] image, int offset, byte low, byte high)
    {
        byte[] damaged = [.. image];
        damaged[offset] = low;
        damaged[offset + 1] = high;
        return Assert.Throws<SevFormatException>(() => OvmfFirmware.Parse(damaged, "damaged")).Field;
    }
}
