using System.Buffers.Binary;
using System.Text;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Devices.Firmware;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Tests.Boot;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Firmware;

public sealed class FwCfgTests : IDisposable
{
    private const ulong MiB = 1 << 20;
    private const int Structure = 0x1000;
    private const int Target = 0x2000;
    private const uint Error = 1;
    private const uint Read = 2;
    private const uint Skip = 4;
    private const uint SelectIt = 8;
    private const uint Write = 16;

    private static readonly byte[] Kernel = [.. Enumerable.Range(0, 0x3000).Select(static i => (byte)(i * 31))];
    private static readonly byte[] Initrd = [.. Enumerable.Range(0, 5000).Select(static i => (byte)(i * 7))];

    private readonly TempDirectory _folder = new();
    private readonly GuestMemory _memory = GuestMemory.Create(GuestLayout.Create(64 * MiB, 48));
    private readonly FwCfgItems _items;
    private readonly FwCfgDevice _device;
    private Func<GpaRange, bool> _mayAccess = static _ => true;

    public FwCfgTests()
    {
        byte[] kernel = [.. Kernel];
        kernel[0x1F1] = 3; // sectors of set-up code behind the boot sector
        BootConfig boot = new(_folder.Write("kernel", kernel), _folder.Write("initrd", Initrd), "console=ttyS0", "fw");
        _items = FwCfgItems.Create(boot, 3, _memory.Layout, AcpiTables.Create(new VmConfig { Boot = boot, VcpuCount = 3 }));
        _device = new FwCfgDevice(_items, _memory, range => _mayAccess(range), new BoundedLog(Logger.None));
    }

    public void Dispose()
    {
        _items.Dispose();
        _memory.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Signature_IsReadByteByByteAndEndsInZeros()
    {
        Select(0);

        Assert.Equal("QEMU\0\0", Encoding.ASCII.GetString(ReadBytes(6)));
        byte[] dma = new byte[8];
        _device.Read(4, dma);
        Assert.Equal("QEMU CFG", Encoding.ASCII.GetString(dma));
    }

    [Fact]
    public void UnknownItem_ReadsAsZeros()
    {
        Select(0x7777);

        Assert.Equal(new byte[8], ReadBytes(8));
    }

    [Theory]
    [InlineData(0x01, 3u)] // data register and DMA
    [InlineData(0x17, 2048u)] // set-up: boot sector and 3 more
    [InlineData(0x08, 0x3000u - 2048)]
    [InlineData(0x0B, 5000u)]
    [InlineData(0x14, 14u)] // with the final NUL
    public void Number_IsLittleEndian(int selector, uint value)
    {
        Select((ushort)selector);

        Assert.Equal(value, BinaryPrimitives.ReadUInt32LittleEndian(ReadBytes(4)));
    }

    [Fact]
    public void KernelInitrdAndCommandLine_ArriveAsTheyAre()
    {
        byte[] kernel = [.. Dma(0x18, 2048), .. Dma(0x11, 0x3000 - 2048)];

        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder.Path, "kernel")), kernel);
        Assert.Equal(Initrd, Dma(0x12, 5000));
        Assert.Equal("console=ttyS0\0", Encoding.UTF8.GetString(Dma(0x15, 14)));
    }

    [Fact]
    public void Directory_NamesEveryFileAndItsSelector()
    {
        byte[] directory = Dma(0x19, 4 + (4 * 64));

        Assert.Equal(4u, BinaryPrimitives.ReadUInt32BigEndian(directory));
        string[] names = ["etc/acpi/rsdp", "etc/acpi/tables", "etc/e820", "etc/table-loader"];
        for (int i = 0; i < names.Length; i++)
        {
            ReadOnlySpan<byte> entry = directory.AsSpan(4 + (i * 64), 64);
            Assert.Equal(names[i], Encoding.ASCII.GetString(entry[8..]).TrimEnd('\0'));
            Assert.Equal(0x20 + i, BinaryPrimitives.ReadUInt16BigEndian(entry[4..]));
            Assert.Equal(_items.FindFile(names[i])!.Length, BinaryPrimitives.ReadUInt32BigEndian(entry));
        }
    }

    [Fact]
    public void E820_IsTheRam()
    {
        byte[] map = Dma(0x22, 20);

        Assert.Equal((0UL, 64 * MiB, 1u), (
            BinaryPrimitives.ReadUInt64LittleEndian(map),
            BinaryPrimitives.ReadUInt64LittleEndian(map.AsSpan(8)),
            BinaryPrimitives.ReadUInt32LittleEndian(map.AsSpan(16))));
    }

    /// <summary>
    /// Plays the firmware's part: allocates, adds addresses, makes checksums; what comes out is what a direct boot loads.
    /// </summary>
    [Fact]
    public void TableLoader_Executed_GivesTheTablesOfADirectBoot()
    {
        AcpiTables acpi = AcpiTables.Create(new VmConfig { Boot = new BootConfig("k", null, string.Empty), VcpuCount = 3 });
        const ulong Address = 0xE_0000;
        const ulong TablesAddress = Address + 48;
        Dictionary<string, (ulong Address, byte[] Bytes)> blobs = new()
        {
            ["etc/acpi/rsdp"] = (Address, acpi.Rsdp.ToArray()),
            ["etc/acpi/tables"] = (TablesAddress, acpi.Tables.ToArray()),
        };
        byte[] script = AcpiTableLoader.Create(acpi);
        List<string> allocated = [];
        for (int at = 0; at < script.Length; at += 128)
        {
            ReadOnlySpan<byte> command = script.AsSpan(at, 128);
            string first = Name(command[4..]);
            switch (BinaryPrimitives.ReadUInt32LittleEndian(command))
            {
                case 1:
                    allocated.Add(first);
                    Assert.Equal(16u, BinaryPrimitives.ReadUInt32LittleEndian(command[60..]));
                    break;
                case 2:
                    Assert.Equal(8, command[120]);
                    Span<byte> field = blobs[first].Bytes.AsSpan((int)BinaryPrimitives.ReadUInt32LittleEndian(command[116..]), 8);
                    BinaryPrimitives.WriteUInt64LittleEndian(
                        field, BinaryPrimitives.ReadUInt64LittleEndian(field) + blobs[Name(command[60..])].Address);
                    break;
                case 3:
                    int offset = (int)BinaryPrimitives.ReadUInt32LittleEndian(command[60..]);
                    Span<byte> covered = blobs[first].Bytes.AsSpan(
                        (int)BinaryPrimitives.ReadUInt32LittleEndian(command[64..]),
                        (int)BinaryPrimitives.ReadUInt32LittleEndian(command[68..]));

                    // As OVMF does it: what is in the field counts.
                    blobs[first].Bytes[offset] = (byte)-covered.ToArray().Sum(static value => value);
                    break;
                default:
                    Assert.Fail("an unknown command");
                    break;
            }
        }

        Assert.Equal(["etc/acpi/rsdp", "etc/acpi/tables"], allocated);
        byte[] placed = [.. blobs["etc/acpi/rsdp"].Bytes, .. new byte[48 - AcpiTables.RsdpSize], .. blobs["etc/acpi/tables"].Bytes];
        Assert.Equal(acpi.Place(Address), placed);
    }

    [Fact]
    public void Dma_SkipAndReadInTwoHalves_GoOnWhereTheyStopped()
    {
        Control(SelectIt | Skip | (0x12u << 16), 100, 0);
        Control(Read, 50, Target);

        Assert.Equal(Initrd[100..150], _memory.GetSpan(new Gpa(Target), 50).ToArray());
        Assert.Equal(Initrd[150..154], ReadBytes(4));
    }

    [Fact]
    public void Dma_BehindTheEnd_FillsWithZeros()
    {
        _memory.GetSpan(new Gpa(Target), 8192).Fill(0xCC);

        Control(SelectIt | Read | (0x12u << 16), 8192, Target);

        Assert.Equal(Initrd, _memory.GetSpan(new Gpa(Target), 5000).ToArray());
        Assert.False(_memory.GetSpan(new Gpa(Target + 5000), 3192).ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(Read, uint.MaxValue, 0UL)]
    [InlineData(Read, 16u, (64 * MiB) - 8)]
    [InlineData(Read, 16u, ulong.MaxValue - 7)]
    [InlineData(Read, 16u, 0xFEC0_0000UL)]
    [InlineData(Write, 16u, (ulong)Target)]
    public void Dma_ThatCannotBe_EndsWithTheErrorBitAndMovesNothing(uint command, uint length, ulong target)
    {
        _memory.GetSpan(new Gpa((64 * MiB) - 8), 8).Fill(0xCC);

        Assert.Equal(Error, Control(SelectIt | command | (0x12u << 16), length, target));

        Assert.False(_memory.GetSpan(new Gpa((64 * MiB) - 8), 8).ContainsAnyExcept((byte)0xCC));
        Assert.False(_memory.GetSpan(new Gpa(Target), 64).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Dma_ToAPrivatePage_IsRefused()
    {
        _mayAccess = static range => !range.Contains(new Gpa(Target + 0x1000));

        Assert.Equal(Error, Control(SelectIt | Read | (0x12u << 16), 5000, Target));
        Assert.False(_memory.GetSpan(new Gpa(Target), 5000).ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(64 * MiB)]
    [InlineData(ulong.MaxValue)]
    [InlineData((64 * MiB) - 15)]
    public void Dma_WhoseStructureIsNoRam_IsDropped(ulong address)
    {
        byte[] value = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(value, address);

        _device.Write(4, value);

        Select(0);
        Assert.Equal("QEMU", Encoding.ASCII.GetString(ReadBytes(4)));
    }

    [Fact]
    public void Dma_FileThatHasGotShorter_EndsWithTheErrorBit()
    {
        Assert.Equal(0, Mono.Unix.Native.Syscall.truncate(Path.Combine(_folder.Path, "initrd"), 10));

        Assert.Equal(Error, Control(SelectIt | Read | (0x12u << 16), 5000, Target));
    }

    [Fact]
    public void AnyAccess_OfAnySize_IsAnswered()
    {
        RandomAccesses.Make(_device, FwCfgDevice.WindowLength);

        Select(0);
        Assert.Equal("QEMU", Encoding.ASCII.GetString(ReadBytes(4)));
    }

    [Fact]
    public void Create_KernelThatIsTooShort_IsRefused()
    {
        BootConfig boot = new(_folder.Write("short", new byte[0x1F1]), null, string.Empty, "fw");

        Assert.Equal(
            "size",
            Assert.Throws<InvalidInputException>(
                () => FwCfgItems.Create(boot, 1, _memory.Layout, AcpiTables.Create(new VmConfig { Boot = boot }))).Field);
    }

    private static string Name(ReadOnlySpan<byte> field) => Encoding.ASCII.GetString(field[..56]).TrimEnd('\0');

    private void Select(ushort selector)
    {
        byte[] value = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(value, selector);
        _device.Write(0, value);
    }

    private byte[] ReadBytes(int count)
    {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++)
        {
            _device.Read(1, bytes.AsSpan(i, 1));
        }

        return bytes;
    }

    private byte[] Dma(ushort selector, int length)
    {
        Assert.Equal(0u, Control(SelectIt | Read | ((uint)selector << 16), (uint)length, Target));
        return _memory.GetSpan(new Gpa(Target), length).ToArray();
    }

    private uint Control(uint control, uint length, ulong target)
    {
        Span<byte> structure = _memory.GetSpan(new Gpa(Structure), 16);
        BinaryPrimitives.WriteUInt32BigEndian(structure, control);
        BinaryPrimitives.WriteUInt32BigEndian(structure[4..], length);
        BinaryPrimitives.WriteUInt64BigEndian(structure[8..], target);
        byte[] half = new byte[4];
        _device.Write(4, half);
        BinaryPrimitives.WriteUInt32BigEndian(half, Structure);
        _device.Write(8, half);
        return BinaryPrimitives.ReadUInt32BigEndian(structure);
    }
}
