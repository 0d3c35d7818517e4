using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class BootPageTablesTests
{
    private const ulong MiB = 1UL << 20;
    private const ulong GiB = 1UL << 30;

    public static TheoryData<ulong, int?> Machines => new()
    {
        { 2 * MiB, null },
        { 2 * MiB, 39 },
        { 3 * MiB, 39 },
        { 64 * MiB, 39 },
        { (512 * MiB) + 4096, 51 },
        { 3 * GiB, 47 },
        { (3 * GiB) + 4096, 39 },
        { 16 * GiB, 39 },
        { 16 * GiB, null },
    };

    [Theory]
    [MemberData(nameof(Machines))]
    public void Walk_EveryPage_IsTheIdentityWithTheCBitOnRam(ulong memoryBytes, int? cBit)
    {
        using GuestMemory memory = Create(memoryBytes, cBit);
        ulong cr3 = BootPageTables.Write(memory, out GpaRange range);
        ulong mask = cBit is int bit ? 1UL << bit : 0;
        Walker walker = new(memory, mask);

        // The first and last byte of each 2 MiB page, and one inside.
        for (ulong page = 0; page < 4 * GiB; page += 2 * MiB)
        {
            foreach (ulong address in (ulong[])[page, page + 0x12345, page + (2 * MiB) - 1])
            {
                (ulong physical, bool isPrivate) = Assert.NotNull(walker.Walk(cr3, address));
                Assert.Equal(address, physical);
                Assert.Equal(mask != 0 && page < Math.Min(memoryBytes, 3 * GiB), isPrivate);
            }
        }

        Assert.Equal(new GpaRange(new Gpa(GuestLayout.PageTablesAddress), 6 * 4096), range);
    }

    [Theory]
    [InlineData(4 * GiB)]
    [InlineData(512 * GiB)]
    [InlineData(0x0000_7FFF_FFFF_FFFF)]
    [InlineData(0xFFFF_8000_0000_0000)]
    [InlineData(ulong.MaxValue)]
    public void Walk_BeyondFourGiB_FindsNothing(ulong address)
    {
        using GuestMemory memory = Create(64 * MiB, 39);
        ulong cr3 = BootPageTables.Write(memory, out _);

        Assert.Null(new Walker(memory, 1UL << 39).Walk(cr3, address));
    }

    [Fact]
    public void Write_OverOldContents_LeavesNoneOfIt()
    {
        using GuestMemory clean = Create(64 * MiB, 39);
        using GuestMemory used = Create(64 * MiB, 39);
        used.GetSpan(default, (int)MiB).Fill(0xFF);

        _ = BootPageTables.Write(clean, out GpaRange range);
        _ = BootPageTables.Write(used, out _);

        Assert.True(clean.GetSpan(range.Start, (int)range.Length).SequenceEqual(used.GetSpan(range.Start, (int)range.Length)));
        Assert.Equal(0xFF, used.Read<byte>(new Gpa(range.Start.Value - 1)));
        Assert.Equal(0xFF, used.Read<byte>(range.End));
    }

    private static GuestMemory Create(ulong memoryBytes, int? cBit) =>
        GuestMemory.Create(GuestLayout.Create(memoryBytes, 40, cBit is null ? SevMode.None : SevMode.Sev, cBit));

    /// <summary>Walks page tables as long mode does. A table lies in private memory, so the C-bit must lead to it.</summary>
    private sealed class Walker(GuestMemory memory, ulong cBit)
    {
        private const ulong AddressBits = 0x000F_FFFF_FFFF_F000;

        internal (ulong Physical, bool IsPrivate)? Walk(ulong cr3, ulong address)
        {
            Assert.Equal(cBit, cr3 & cBit);
            ulong table = cr3 & AddressBits & ~cBit;
            for (int shift = 39; ; shift -= 9)
            {
                ulong entry = memory.Read<ulong>(new Gpa(table + ((address >> shift & 0x1FF) * 8)));
                if ((entry & 1) == 0)
                {
                    Assert.Equal(0UL, entry);
                    return null;
                }

                Assert.Equal(2UL, entry & 2); // writable
                Assert.Equal(0UL, entry & ((1UL << 63) | (1UL << 2))); // executable, not the user's
                ulong target = entry & AddressBits & ~cBit;
                bool isLeaf = shift == 12 || (entry & (1 << 7)) != 0;
                if (isLeaf)
                {
                    // A large page has bit 12 for PAT and reserved bits above it up to its size.
                    ulong offsetMask = (1UL << shift) - 1;
                    Assert.Equal(0UL, target & offsetMask);
                    return (target | (address & offsetMask), (entry & cBit) != 0);
                }

                Assert.Equal(cBit, entry & cBit);
                table = target;
            }
        }
    }
}
