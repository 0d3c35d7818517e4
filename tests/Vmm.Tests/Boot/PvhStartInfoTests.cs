using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class PvhStartInfoTests
{
    [Fact]
    public void StartInfo_PointsToCommandLineInitrdAndMemoryMap()
    {
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(4UL << 30, 40));
        byte[] kernel = new ElfBuilder().Load(0x20_0000, [0xF4]).Notes(new ElfNote("Xen\0", 18, [0, 0, 0x20, 0])).Build();

        LoadedImage image = LoadedSample.Load(kernel, memory, new byte[10_000], "console=ttyS0");

        // struct hvm_start_info, as Xen's public/arch-x86/hvm/start_info.h draws it.
        Gpa info = new(image.Registers.Rbx);
        Assert.Equal(0x336E_C578u, memory.Read<uint>(info));
        Assert.Equal(1u, memory.Read<uint>(info + 4)); // version
        Assert.Equal(0u, memory.Read<uint>(info + 8)); // flags
        Assert.Equal(1u, memory.Read<uint>(info + 12)); // nr_modules
        Gpa modules = new(memory.Read<ulong>(info + 16));
        Gpa commandLine = new(memory.Read<ulong>(info + 24));
        Assert.Equal(0UL, memory.Read<ulong>(info + 32)); // rsdp_paddr
        Gpa map = new(memory.Read<ulong>(info + 40));
        Assert.Equal(6u, memory.Read<uint>(info + 48)); // memmap_entries
        Assert.Equal(0u, memory.Read<uint>(info + 52)); // reserved

        Assert.Equal(image.Initrd.Start.Value, memory.Read<ulong>(modules));
        Assert.Equal(10_000UL, memory.Read<ulong>(modules + 8));
        Assert.Equal(0UL, memory.Read<ulong>(modules + 16)); // cmdline_paddr
        Assert.Equal(0UL, memory.Read<ulong>(modules + 24)); // reserved
        Assert.Equal("console=ttyS0\0"u8.ToArray(), memory.GetSpan(commandLine, 14).ToArray());

        (ulong Start, ulong Length, ulong Type)[] expected =
        [
            (0, 0x9_FC00, 1), (0x9_FC00, 0x4_0400, 2), (0xE_0000, 0x1_0000, 3), (0xF_0000, 0x1_0000, 2), (0x10_0000, 0xBFF0_0000, 1),
            (1UL << 32, 1UL << 30, 1),
        ];
        for (uint i = 0; i < expected.Length; i++)
        {
            Gpa entry = map + (i * 24);
            Assert.Equal(
                expected[i],
                (memory.Read<ulong>(entry), memory.Read<ulong>(entry + 8), memory.Read<ulong>(entry + 16)));
        }

        // Everything lies in the one page that is measured, and apart.
        GpaRange page = Assert.Single(image.Measured, piece => piece.Name == "start info").Range;
        Assert.True(page.Contains(new GpaRange(info, 56)) && page.Contains(new GpaRange(map, 144)));
        Assert.True(modules.Value >= info.Value + 56 && map.Value >= modules.Value + 32);
    }

    [Fact]
    public void StartInfo_WithoutInitrd_HasNoModule()
    {
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8UL << 20, 40));
        byte[] kernel = new ElfBuilder().Load(0x20_0000, [0xF4]).Notes(new ElfNote("Xen\0", 18, [0, 0, 0x20, 0])).Build();

        LoadedImage image = LoadedSample.Load(kernel, memory);

        Gpa info = new(image.Registers.Rbx);
        Assert.Equal(0u, memory.Read<uint>(info + 12));
        Assert.Equal(0UL, memory.Read<ulong>(info + 16));
    }
}
