using System.Buffers.Binary;
using System.Text;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class MultibootImageTests
{
    private const ulong MemoryBytes = 16 << 20;
    private const int PhysicalAddressField = 0x34 + 12;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Image_IsLoadedAndEnteredAsTheSpecificationSays(bool isPlain)
    {
        byte[] file = isPlain ? MultibootKernel.CreatePlain(static c => c.hlt()) : MultibootKernel.Create(static c => c.hlt());
        using LoadedSample sample = LoadedSample.Load(file, MemoryBytes, [1, 2, 3], "first second");

        BootRegisters registers = sample.Image.Registers;
        Assert.Equal(BootProtocol.Multiboot32, registers.Protocol);
        Assert.Equal(0x2BAD_B002UL, registers.Rax);
        Assert.Equal(0xF4, sample.Read(registers.Entry.Value, 1)[0]);
        Assert.Equal(new byte[0x1000], sample.Read(MultibootKernel.LoadAddress + 0x1000, 0x1000));

        byte[] info = sample.Read(registers.Rbx, 4096);
        Assert.Equal(0x24Du, U32(info, 0));
        Assert.Equal(639u, U32(info, 4));
        Assert.Equal(15u << 10, U32(info, 8));
        Assert.Equal("vmlinuz first second\0", Encoding.ASCII.GetString(sample.Read(U32(info, 16), 21)));
        Assert.Equal(1u, U32(info, 20));
        int module = (int)(U32(info, 24) - registers.Rbx);
        Assert.Equal(sample.Image.Initrd.Start.Value, U32(info, module));
        Assert.Equal(sample.Image.Initrd.End.Value, U32(info, module + 4));
        Assert.Equal(0, info[(int)(U32(info, module + 8) - registers.Rbx)]);
        Assert.Equal<byte>([1, 2, 3], sample.Read(U32(info, module), 3));
        Assert.Equal("kvmsev\0"u8.ToArray(), info[(int)(U32(info, 64) - registers.Rbx)..][..7]);
    }

    [Theory]
    [InlineData(0x7000)]
    [InlineData(0x8000)]
    [InlineData(0x1_C000)]
    [InlineData(0x3_0000)]
    [InlineData(0x9_C000)]
    public void Image_ThatBelongsBelowOneMebibyte_LiesBetweenTheBootStructures(int address)
    {
        byte[] file = MultibootKernel.Create(static c => c.hlt());
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(PhysicalAddressField), address);

        using LoadedSample sample = LoadedSample.Load(file, MemoryBytes, [1, 2, 3], "first");

        Assert.Equal((ulong)address + 0x10, sample.Image.EntryPoint.Value);
        Assert.Equal(0xF4, sample.Read((ulong)address + 0x10, 1)[0]);
        Assert.True(sample.Image.Initrd.Start.Value >= GuestLayout.ExtendedMemoryStart);
        List<GpaRange> pieces = [.. sample.Image.Measured.Select(static piece => piece.Range)];
        for (int i = 0; i < pieces.Count; i++)
        {
            Assert.DoesNotContain(pieces.Take(i), other => other.Overlaps(pieces[i]));
        }
    }

    [Fact]
    public void MemoryMap_IsThatOfTheMachine()
    {
        using LoadedSample sample = LoadedSample.Load(MultibootKernel.Create(static c => c.hlt()), MemoryBytes);
        ulong address = sample.Image.Registers.Rbx;
        byte[] info = sample.Read(address, 4096);
        List<(ulong Start, ulong Length, uint Type)> map = [];

        int length = (int)U32(info, 44);
        int start = (int)(U32(info, 48) - address);
        for (int offset = start; offset < start + length; offset += (int)U32(info, offset) + 4)
        {
            map.Add((
                BinaryPrimitives.ReadUInt64LittleEndian(info.AsSpan(offset + 4)),
                BinaryPrimitives.ReadUInt64LittleEndian(info.AsSpan(offset + 12)),
                U32(info, offset + 20)));
        }

        Assert.Equal(
            sample.Guarded.Memory.Layout.E820.Select(static e => (e.Range.Start.Value, e.Range.Length, (uint)e.Type)),
            map);
        Assert.Equal(0u, U32(info, 20));
    }

    [Fact]
    public void ElfFileOf32Bits_WithoutTheHeader_IsNoKernel()
    {
        byte[] file = MultibootKernel.Create(static c => c.hlt());
        file[0x1000] ^= 1;

        Assert.Equal("EI_CLASS", Refusal(file).Field);
    }

    [Fact]
    public void Header_ThatDemandsAVideoMode_IsRefused() =>
        Assert.Equal("multiboot flags", Refusal(MultibootKernel.Create(static c => c.hlt(), flags: 4)).Field);

    [Theory]
    [InlineData(0x10, 3, "e_type")]
    [InlineData(0x12, 62, "e_machine")]
    [InlineData(0x2C, 0, "e_phnum")]
    [InlineData(0x18, 0, "e_entry")]
    [InlineData(PhysicalAddressField, 0, "p_paddr")]
    [InlineData(PhysicalAddressField, 0x6000, "p_paddr")]
    [InlineData(PhysicalAddressField, 0x1_D000, "p_paddr")]
    [InlineData(PhysicalAddressField, 0x2_F000, "p_paddr")]
    [InlineData(PhysicalAddressField, 0x9_E000, "p_paddr")]
    [InlineData(PhysicalAddressField, 0xF_F000, "p_paddr")]
    [InlineData(0x34 + 4, 0x7000_0000, "p_offset of program header 0")]
    [InlineData(0x34 + 20, 0x7000_0000, "p_memsz")]
    public void ElfField_ThatCannotWork_IsNamed(int offset, int value, string field)
    {
        byte[] file = MultibootKernel.Create(static c => c.hlt());
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(offset), (short)value);
        if (offset is >= 0x34 or 0x18)
        {
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(offset), value);
        }

        Assert.Equal(field, Refusal(file).Field);
    }

    [Theory]
    [InlineData(12, 0x3F_0000, "load_addr")]
    [InlineData(16, 0x3F_0000, "load_addr")]
    [InlineData(20, 0x3F_0000, "load_end_addr")]
    [InlineData(20, 0x7000_0000, "load_end_addr")]
    [InlineData(24, 0x40_0001, "bss_end_addr")]
    [InlineData(28, 0x100, "entry_addr")]
    public void PlainField_ThatCannotWork_IsNamed(int offset, int value, string field)
    {
        byte[] file = MultibootKernel.CreatePlain(static c => c.hlt());
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(offset), value);

        Assert.Equal(field, Refusal(file).Field);
    }

    [Fact]
    public void Image_AsASevGuest_IsRefused()
    {
        byte[] file = MultibootKernel.Create(static c => c.hlt());

        InvalidInputException refusal = Assert.Throws<InvalidInputException>(
            () => LoadedSample.Load(file, MemoryBytes, cBit: 39).Dispose());

        Assert.Equal("multiboot", refusal.Field);
    }

    [Fact]
    public void EveryMutation_IsLoadedOrRefused()
    {
        Random random = new(Seeds.Next());
        for (int round = 0; round < 2000; round++)
        {
            byte[] file = round % 2 == 0 ? MultibootKernel.Create(static c => c.hlt()) : MultibootKernel.CreatePlain(static c => c.hlt());
            for (int i = 0; i < 1 + random.Next(3); i++)
            {
                int offset = random.Next(round % 2 == 0 ? 84 : 32);
                file[offset] = (byte)random.Next(256);
            }

            using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(MemoryBytes, 40));
            try
            {
                LoadedImage image = LoadedSample.Load(file, memory);
                Assert.True(memory.Layout.LowRam.Contains(image.EntryPoint));
            }
            catch (InvalidInputException refusal)
            {
                Assert.NotEmpty(refusal.Field);
            }
        }
    }

    private static InvalidInputException Refusal(byte[] file) =>
        Assert.Throws<InvalidInputException>(() => LoadedSample.Load(file, MemoryBytes).Dispose());

    private static uint U32(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));
}
