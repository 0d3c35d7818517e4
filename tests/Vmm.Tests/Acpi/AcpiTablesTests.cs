using System.Buffers.Binary;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Tests.Boot;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Acpi;

public sealed class AcpiTablesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    public void Tables_AreAllFoundFromTheRsdp_WithRightChecksums(int vcpuCount)
    {
        AcpiImage image = new(AcpiSamples.Place(vcpuCount, AcpiSamples.Crowded()), AcpiSamples.Address);

        Assert.Equal(["APIC", "DSDT", "FACP", "XSDT"], image.Tables.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Tables_OfTheLargestMachine_FitIntoTheirRange() =>
        Assert.InRange(AcpiSamples.Place(64, AcpiSamples.Crowded()).Length, 1, GuestLayout.AcpiTablesCapacity);

    [Fact]
    public void SameMachine_GivesTheSameBytes() =>
        Assert.Equal(AcpiSamples.Place(4, AcpiSamples.Crowded()), AcpiSamples.Place(4, AcpiSamples.Crowded()));

    [Fact]
    public void Madt_HasOneEnabledProcessorAVcpu_AndTheIoApic()
    {
        byte[] madt = new AcpiImage(AcpiSamples.Place(3, []), AcpiSamples.Address)["APIC"];

        Assert.Equal(0xFEE0_0000u, BinaryPrimitives.ReadUInt32LittleEndian(madt.AsSpan(36)));
        byte[] expected =
        [
            0, 8, 0, 0, 1, 0, 0, 0,
            0, 8, 1, 1, 1, 0, 0, 0,
            0, 8, 2, 2, 1, 0, 0, 0,
            1, 12, 0, 0, 0x00, 0x00, 0xC0, 0xFE, 0, 0, 0, 0,
            4, 6, 0xFF, 0, 0, 1,
        ];
        Assert.Equal(expected, madt[44..]);
    }

    [Fact]
    public void Fadt_SaysWhatTheMachineHas()
    {
        byte[] fadt = new AcpiImage(AcpiSamples.Place(1, []), AcpiSamples.Address)["FACP"];

        Assert.Equal(276, fadt.Length);
        Assert.Equal(6, fadt[8]);
        Assert.Equal(0x0007, BinaryPrimitives.ReadUInt16LittleEndian(fadt.AsSpan(109))); // ISA devices, 8042, no VGA; with a CMOS clock
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(fadt.AsSpan(112));
        Assert.Equal(1u, flags >> 20 & 1); // HW_REDUCED_ACPI
        Assert.Equal(1u, flags >> 10 & 1); // RESET_REG_SUP
        Assert.Equal<byte>([1, 8, 0, 1, 0xF9, 0x0C, 0, 0, 0, 0, 0, 0], fadt[116..128]);
        Assert.Equal(0x06, fadt[128]);
        Assert.Equal<byte>([1, 8, 0, 1, 0x00, 0x06, 0, 0, 0, 0, 0, 0], fadt[244..256]);
        Assert.Equal<byte>([1, 8, 0, 1, 0x01, 0x06, 0, 0, 0, 0, 0, 0], fadt[256..268]);
    }

    [Fact]
    public void UnplacedTables_GetTheSameBytesFromAFirmwareThatFollowsTheLists()
    {
        AcpiTables tables = AcpiTables.Create(2, AcpiSamples.Platform);
        byte[] rsdp = tables.Rsdp.ToArray();
        byte[] rest = tables.Tables.ToArray();

        foreach (AcpiPointer pointer in tables.Pointers)
        {
            Span<byte> field = (pointer.Block == AcpiBlock.Rsdp ? rsdp : rest).AsSpan(pointer.Offset);
            ulong address = AcpiSamples.Address + 48 + BinaryPrimitives.ReadUInt64LittleEndian(field);
            BinaryPrimitives.WriteUInt64LittleEndian(field, address);
        }

        foreach (AcpiChecksum checksum in tables.Checksums)
        {
            byte[] block = checksum.Block == AcpiBlock.Rsdp ? rsdp : rest;
            block[checksum.Offset] = 0;
            block[checksum.Offset] = (byte)-block.AsSpan(checksum.Start, checksum.Length).ToArray().Sum(static value => value);
        }

        byte[] placed = tables.Place(AcpiSamples.Address);
        Assert.Equal(placed[..36], rsdp);
        Assert.Equal(placed[48..], rest);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loader_PutsTheTablesWhereTheGuestIsToldTheyAre_AndMeasuresThem(bool isPvh)
    {
        ElfBuilder elf = new ElfBuilder().Load(0x20_0000, [0xF4]);
        byte[] kernel = (isPvh ? elf.Notes(new ElfNote("Xen\0", 18, [0, 0, 0x20, 0])) : elf).Build();
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8UL << 20, 40));
        using KernelImage parsed = KernelImage.Parse(ImageSource.FromMemory("vmlinuz", kernel));
        AcpiTables tables = AcpiTables.Create(2, AcpiSamples.Platform);

        LoadedImage image = LoadedImage.Load(parsed, null, "quiet", memory, tables);

        GpaRange piece = Assert.Single(image.Measured, static piece => piece.Name == "ACPI tables").Range;
        Assert.Equal(new GpaRange(new Gpa(0xE_0000), 0x1000), piece);
        GpaRange vector = Assert.Single(image.Measured, static piece => piece.Name == "reset vector").Range;
        Assert.Equal(0xBA, memory.Read<byte>(new Gpa(0xF_FFF0)));
        Assert.True(vector.Contains(new Gpa(0xF_FFF0)));
        ulong pointer = isPvh
            ? memory.Read<ulong>(new Gpa(image.Registers.Rbx + 32))
            : memory.Read<ulong>(new Gpa(image.Registers.Rsi + 0x70));
        Assert.Equal(piece.Start.Value, pointer);
        byte[] expected = new byte[piece.Length];
        tables.Place(pointer).CopyTo(expected, 0);
        Assert.Equal(expected, memory.GetSpan(piece.Start, (int)piece.Length).ToArray());
    }
}
