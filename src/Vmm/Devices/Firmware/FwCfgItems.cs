using System.Buffers.Binary;
using System.Text;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>What firmware finds through fw_cfg: the machine's size, what to boot, and files: memory map and ACPI tables.</summary>
/// <remarks>
/// Source: QEMU, docs/specs/fw_cfg.rst and include/standard-headers/linux/qemu_fw_cfg.h. Numbers are little-endian, those of the file
/// directory big-endian.
/// </remarks>
internal sealed class FwCfgItems : IDisposable
{
    private const ushort Signature = 0x00;
    private const ushort InterfaceVersion = 0x01;
    private const ushort RamSize = 0x03;
    private const ushort CpuCount = 0x05;
    private const ushort KernelSize = 0x08;
    private const ushort InitrdSize = 0x0B;
    private const ushort MaximumCpuCount = 0x0F;
    private const ushort KernelData = 0x11;
    private const ushort InitrdData = 0x12;
    private const ushort CommandLineSize = 0x14;
    private const ushort CommandLineData = 0x15;
    private const ushort SetupSize = 0x17;
    private const ushort SetupData = 0x18;
    private const ushort FileDirectory = 0x19;
    private const ushort FirstFile = 0x20;

    /// <summary>Bits of the interface version: the data register, and DMA.</summary>
    private const uint HasDataRegisterAndDma = 3;

    private const int DirectoryEntrySize = 64;
    private const int NameSize = 56;
    private const int E820EntrySize = 20;

    // A bzImage's set-up code: sectors at 0x1F1, where 0 stands for 4, and the boot sector itself.
    private const int SetupSectorsOffset = 0x1F1;
    private const int DefaultSetupSectors = 4;
    private const int SectorSize = 512;

    private readonly Dictionary<ushort, FwCfgItem> _items = [];
    private readonly List<(string Name, FwCfgItem Item)> _files = [];
    private readonly OwnedResources _sources = new();

    private FwCfgItems()
    {
    }

    /// <summary>The item that a selector stands for; null for none.</summary>
    /// <param name="selector">The guest's choice.</param>
    internal FwCfgItem? Find(ushort selector) => _items.GetValueOrDefault(selector);

    /// <summary>The item of a name in the file directory; null for none.</summary>
    /// <param name="name">Such as <c>etc/e820</c>.</param>
    internal FwCfgItem? FindFile(string name) => _files.Find(file => file.Name == name).Item;

    /// <summary>Makes the items of a machine.</summary>
    /// <param name="boot">What to boot.</param>
    /// <param name="vcpuCount">Its processors.</param>
    /// <param name="layout">Its memory.</param>
    /// <param name="acpi">Its ACPI tables.</param>
    /// <exception cref="InvalidInputException">The kernel is too short to be one.</exception>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    internal static FwCfgItems Create(BootConfig boot, int vcpuCount, GuestLayout layout, AcpiTables acpi)
    {
        FwCfgItems items = new();
        try
        {
            items.AddMachine(vcpuCount, layout.MemoryBytes);
            items.AddKernel(boot);
            items._files.Add(("etc/e820", new FwCfgItem(MakeE820(layout))));
            items._files.Add((AcpiTableLoader.RsdpFile, new FwCfgItem(acpi.Rsdp.ToArray())));
            items._files.Add((AcpiTableLoader.TablesFile, new FwCfgItem(acpi.Tables.ToArray())));
            items._files.Add((AcpiTableLoader.CommandsFile, new FwCfgItem(AcpiTableLoader.Create(acpi))));
            items.AddDirectory();
            return items;
        }
        catch
        {
            items.Dispose();
            throw;
        }
    }

    /// <summary>Makes the items that images of kvm-unit-tests ask for: the machine's size, and no files.</summary>
    /// <param name="vcpuCount">Its processors.</param>
    /// <param name="ramBytes">Its RAM.</param>
    internal static FwCfgItems CreateForTestImage(int vcpuCount, ulong ramBytes)
    {
        FwCfgItems items = new();
        items.AddMachine(vcpuCount, ramBytes);
        return items;
    }

    /// <inheritdoc/>
    public void Dispose() => _sources.Dispose();

    private static byte[] Number(uint value)
    {
        byte[] bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>Address u64, length u64, type u32. Only RAM: the firmware makes everything else of what it knows itself.</summary>
    private static byte[] MakeE820(GuestLayout layout)
    {
        GpaRange[] ranges = [.. new[] { layout.LowRam, layout.HighRam }.Where(static range => !range.IsEmpty)];
        byte[] map = new byte[ranges.Length * E820EntrySize];
        for (int i = 0; i < ranges.Length; i++)
        {
            Span<byte> entry = map.AsSpan(i * E820EntrySize, E820EntrySize);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, ranges[i].Start.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], ranges[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)E820Type.Ram);
        }

        return map;
    }

    private void AddMachine(int vcpuCount, ulong ramBytes)
    {
        byte[] ramSize = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(ramSize, ramBytes);
        _items[Signature] = new FwCfgItem("QEMU"u8.ToArray());
        _items[InterfaceVersion] = new FwCfgItem(Number(HasDataRegisterAndDma));
        _items[RamSize] = new FwCfgItem(ramSize);
        _items[CpuCount] = new FwCfgItem(Number((uint)vcpuCount).AsMemory(0, sizeof(ushort)));
        _items[MaximumCpuCount] = _items[CpuCount];
    }

    /// <summary>The files as they are: what is handed to the guest is what the hash table has the hashes of.</summary>
    private void AddKernel(BootConfig boot)
    {
        if (boot.KernelPath is not string path)
        {
            return;
        }

        ImageSource kernel = _sources.Add(ImageSource.Open(path));
        ulong setup = Math.Min(kernel.Length, GetSetupLength(kernel));
        AddSized(SetupSize, SetupData, new FwCfgItem(kernel, 0, setup));
        AddSized(KernelSize, KernelData, new FwCfgItem(kernel, setup, kernel.Length - setup));
        byte[] commandLine = Encoding.UTF8.GetBytes(boot.CommandLine + "\0");
        AddSized(CommandLineSize, CommandLineData, new FwCfgItem(commandLine));
        if (boot.InitramfsPath is string initramfs)
        {
            ImageSource initrd = _sources.Add(ImageSource.Open(initramfs));
            AddSized(InitrdSize, InitrdData, new FwCfgItem(initrd, 0, initrd.Length));
        }
    }

    private static ulong GetSetupLength(ImageSource kernel)
    {
        byte[] sectors = new byte[1];
        if (kernel.Length <= SetupSectorsOffset)
        {
            throw kernel.Invalid("size", $"{kernel.Length} bytes is too short for a kernel");
        }

        kernel.ReadExactly(sectors, SetupSectorsOffset, "setup_sects");
        return (ulong)((sectors[0] == 0 ? DefaultSetupSectors : sectors[0]) + 1) * SectorSize;
    }

    private void AddSized(ushort size, ushort data, FwCfgItem item)
    {
        _items[size] = new FwCfgItem(Number(checked((uint)item.Length)));
        _items[data] = item;
    }

    /// <summary>Count u32, then for each file size u32, selector u16, 2 bytes, name; sorted by name, as QEMU does it.</summary>
    private void AddDirectory()
    {
        _files.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        byte[] directory = new byte[sizeof(uint) + (_files.Count * DirectoryEntrySize)];
        BinaryPrimitives.WriteUInt32BigEndian(directory, (uint)_files.Count);
        for (int i = 0; i < _files.Count; i++)
        {
            (string name, FwCfgItem item) = _files[i];
            ushort selector = (ushort)(FirstFile + i);
            Span<byte> entry = directory.AsSpan(sizeof(uint) + (i * DirectoryEntrySize), DirectoryEntrySize);
            BinaryPrimitives.WriteUInt32BigEndian(entry, (uint)item.Length);
            BinaryPrimitives.WriteUInt16BigEndian(entry[4..], selector);
            Encoding.ASCII.GetBytes(name, entry.Slice(8, NameSize));
            _items[selector] = item;
        }

        _items[FileDirectory] = new FwCfgItem(directory);
    }
}
