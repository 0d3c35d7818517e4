using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Memory;

public sealed class GuestLayoutTests
{
    private const ulong MiB = 1UL << 20;
    private const ulong GiB = 1UL << 30;
    private const string First = "0x0-0x9fc00 Ram, 0x9fc00-0xe0000 Reserved, 0xe0000-0xf0000 Acpi, 0xf0000-0x100000 Reserved, ";

    [Theory]
    [InlineData(64 * MiB, First + "0x100000-0x4000000 Ram")]
    [InlineData(512 * MiB, First + "0x100000-0x20000000 Ram")]
    [InlineData(3 * GiB, First + "0x100000-0xc0000000 Ram")]
    [InlineData(
        (3 * GiB) + 4096,
        First + "0x100000-0xc0000000 Ram, 0x100000000-0x100001000 Ram")]
    [InlineData(16 * GiB, First + "0x100000-0xc0000000 Ram, 0x100000000-0x440000000 Ram")]
    public void E820_ListsUsableAndReservedMemory(ulong memoryBytes, string expected)
    {
        GuestLayout layout = GuestLayout.Create(memoryBytes, 40);

        Assert.Equal(expected, string.Join(", ", layout.E820.Select(e => $"{e.Range.Start}-{e.Range.End} {e.Type}")));
    }

    [Theory]
    [InlineData(2 * MiB, "[0x0, 0x200000)")]
    [InlineData(3 * GiB, "[0x0, 0xc0000000)")]
    [InlineData((3 * GiB) + 4096, "[0x0, 0xc0000000) [0x100000000, 0x100001000)")]
    [InlineData(16 * GiB, "[0x0, 0xc0000000) [0x100000000, 0x440000000)")]
    public void RamRanges_LeaveTheDeviceHoleFreeAndAddUp(ulong memoryBytes, string expected)
    {
        GuestLayout layout = GuestLayout.Create(memoryBytes, 40);

        Assert.Equal(expected, string.Join(' ', layout.RamRanges));
        Assert.Equal(memoryBytes, layout.RamRanges.Aggregate(0UL, (sum, range) => sum + range.Length));
        Assert.Equal(memoryBytes, layout.MemoryBytes);
        Assert.Equal(memoryBytes <= 3 * GiB, layout.HighRam.IsEmpty);
    }

    [Theory]
    [InlineData(0, 40, "--memory: size: is 0;")]
    [InlineData(4096, 40, "--memory: size: 4096 bytes is too little;")]
    [InlineData((2 * MiB) - 4096, 40, "is too little;")]
    [InlineData((512 * MiB) + 1, 40, "is not a multiple of 4096")]
    [InlineData((512 * MiB) + 2048, 40, "is not a multiple of 4096")]
    [InlineData(ulong.MaxValue, 52, "is not a multiple of 4096")]
    [InlineData(ulong.MaxValue - 4095, 52, "is more than a KVM guest can have")]
    [InlineData(8192 * GiB + (3 * GiB), 52, "is more than a KVM guest can have")]
    [InlineData((63 * GiB) + 4096, 36, "RAM would end at 0x1000001000, beyond the guest's 36 physical address bits")]
    public void Create_ImpossibleSize_IsRefused(ulong memoryBytes, int addressBits, string expected)
    {
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => GuestLayout.Create(memoryBytes, addressBits));

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Equal("size", e.Field);
    }

    [Fact]
    public void Create_SizesAtTheLimits_AreAccepted()
    {
        Assert.Equal(1UL << 36, GuestLayout.Create(63 * GiB, 36).HighRam.End.Value);
        Assert.Equal((8192 * GiB) - 4096, GuestLayout.Create(GuestLayout.MaximumMemoryBytes, 52).HighRam.Length);
        Assert.Equal(2 * MiB, GuestLayout.Create(2 * MiB, 36).LowRam.Length);

        // 3 GiB + 1 page ends one page above 4 GiB, which bit 33 still leaves room for.
        Assert.Equal(33, GuestLayout.Create((3 * GiB) + 4096, 40, SevMode.Simulated, 33).CBitPosition);
    }

    [Theory]
    [InlineData(-1, SevMode.Sev, "-1 is not a C-bit position")]
    [InlineData(32, SevMode.Sev, "32 is not a C-bit position")]
    [InlineData(52, SevMode.SevSnp, "52 is not a C-bit position")]
    [InlineData(40, SevMode.Simulated, "40 lies outside the guest's 40 physical address bits")]
    [InlineData(51, SevMode.Simulated, "51 lies outside the guest's 40 physical address bits")]
    public void Create_ImpossibleCBit_IsRefused(int cBit, SevMode mode, string expected)
    {
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => GuestLayout.Create(512 * MiB, 40, mode, cBit));

        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Equal("cbitpos", e.Field);
    }

    [Fact]
    public void Create_RamReachingTheCBit_IsRefused()
    {
        // 7 GiB below and above the hole end exactly at 8 GiB, bit 33.
        Assert.Equal(1UL << 33, GuestLayout.Create(7 * GiB, 40, SevMode.Simulated, 33).CBitMask);
        InvalidInputException e = Assert.Throws<InvalidInputException>(
            () => GuestLayout.Create((7 * GiB) + 4096, 40, SevMode.Simulated, 33));

        Assert.Contains("beyond the C-bit, which is bit 33", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CBit_OnHardware_MayLieAboveTheAddressWidth()
    {
        GuestLayout layout = GuestLayout.Create(512 * MiB, 48, SevMode.SevSnp, 51);

        Assert.Equal(51, layout.CBitPosition);
        Assert.Equal(1UL << 51, layout.CBitMask);
    }

    [Fact]
    public void CBit_WithoutEncryption_IsNone()
    {
        GuestLayout layout = GuestLayout.Create(512 * MiB, 40, SevMode.None, 39);

        Assert.Null(layout.CBitPosition);
        Assert.Equal(0UL, layout.CBitMask);
    }

    [Fact]
    public void Create_EncryptionWithoutCBit_IsABugOfTheCaller()
    {
        Assert.Throws<ArgumentNullException>(() => GuestLayout.Create(512 * MiB, 40, SevMode.Simulated));
    }

    [Fact]
    public void FixedAddresses_ArePageAlignedApartAndInUsableLowMemory()
    {
        GpaRange[] structures =
        [
            new(new Gpa(GuestLayout.GdtAddress), 4096),
            new(new Gpa(GuestLayout.ZeroPageAddress), 4096),
            new(new Gpa(GuestLayout.StartInfoAddress), 4096),
            new(new Gpa(GuestLayout.PageTablesAddress), 6 * 4096),
            new(new Gpa(GuestLayout.MultibootInfoAddress), 4096),
            new(new Gpa(GuestLayout.CommandLineAddress), GuestLayout.CommandLineCapacity),
        ];

        Assert.All(structures, range => Assert.True(range.IsPageAligned));

        // The first page is the real-mode vectors' and the BIOS data area's.
        Assert.All(structures, range => Assert.True(range.Start.Value >= 0x1000 && range.End.Value <= GuestLayout.LowUsableEnd));
        for (int i = 1; i < structures.Length; i++)
        {
            Assert.False(structures[i].Overlaps(structures[i - 1]));
            Assert.True(structures[i].Start > structures[i - 1].Start);
        }
    }

    [Fact]
    public void KvmPages_LieInTheDeviceHoleAndApart()
    {
        GpaRange hole = GpaRange.FromBounds(GuestLayout.MmioHoleStart, GuestLayout.HighRamStart);
        GpaRange identityMap = new(new Gpa(GuestLayout.KvmIdentityMapAddress), 4096);
        GpaRange tss = new(new Gpa(GuestLayout.KvmTssAddress), 3 * 4096);

        Assert.True(hole.Contains(identityMap));
        Assert.True(hole.Contains(tss));
        Assert.False(identityMap.Overlaps(tss));
    }
}
