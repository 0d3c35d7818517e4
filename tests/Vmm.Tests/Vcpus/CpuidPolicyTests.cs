using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Vcpus;

public sealed class CpuidPolicyTests
{
    private const uint KvmFeatures = 0x4000_0001;
    private const uint MemoryEncryption = 0x8000_001F;

    private static readonly KvmCpuidEntry2[] Host =
    [
        new() { Function = 0, Eax = 0x20, Ebx = 0x6874_7541, Ecx = 0x444D_4163, Edx = 0x6974_6E65 },
        new() { Function = 1, Eax = 0xA2_0F12, Ebx = 0x0510_0800, Ecx = uint.MaxValue, Edx = uint.MaxValue },
        new() { Function = 7, Ebx = uint.MaxValue, Ecx = uint.MaxValue, Edx = uint.MaxValue, Flags = 1 },
        new() { Function = 0xA, Eax = 0x0730_0404 },
        new() { Function = 0xB, Index = 0, Flags = 1 },
        new() { Function = 0xB, Index = 1, Flags = 1 },
        new() { Function = KvmFeatures, Eax = 0x0100_7EFB },
        new() { Function = 0x8000_0000, Eax = 0x8000_0028 },
        new() { Function = 0x8000_0001, Ecx = uint.MaxValue },
        new() { Function = 0x8000_0008, Eax = 0x3028, Ecx = 0xFFFF_FFFF },
        new() { Function = 0x8000_000A, Eax = 1 },
        new() { Function = MemoryEncryption, Eax = 0xFF, Ebx = 51 },
    ];

    [Fact]
    public void Create_LeavesOutEveryLeafThatNobodyThoughtAbout()
    {
        KvmCpuidEntry2[] entries = Create(new CpuidRequest { VcpuIndex = 0, VcpuCount = 1 });

        Assert.DoesNotContain(entries, static entry => entry.Function is 0xA or 0x8000_000A);
        Assert.Equal(0xBu, Find(entries, 0).Eax);
        Assert.Equal(0x8000_0008u, Find(entries, 0x8000_0000).Eax);
    }

    [Fact]
    public void Create_WithoutEncryption_HidesTheHostsEncryptionLeaf() =>
        Assert.DoesNotContain(
            Create(new CpuidRequest { VcpuIndex = 0, VcpuCount = 1 }), static entry => entry.Function == MemoryEncryption);

    [Fact]
    public void Create_WithEncryption_SaysTheGuestsOwnCBitNotTheHosts()
    {
        KvmCpuidEntry2 leaf = Find(
            Create(new CpuidRequest { VcpuIndex = 0, VcpuCount = 1, MemoryEncryption = new MemoryEncryptionLeaf(2, 39, 1) }),
            MemoryEncryption);

        Assert.Equal(2u, leaf.Eax);
        Assert.Equal(39u | (1u << 6), leaf.Ebx);
        Assert.Equal(0u, leaf.Ecx);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TscDeadlineTimer_IsOfferedWhenTheIrqchipHasIt(bool hasTimer)
    {
        KvmCpuidEntry2[] host = [new() { Function = 1 }];
        KvmCpuidEntry2[] entries = CpuidPolicy.Create(
            host, new CpuidRequest { VcpuIndex = 0, VcpuCount = 1, HasTscDeadlineTimer = hasTimer });

        Assert.Equal(hasTimer, (Find(entries, 1).Ecx >> 24 & 1) != 0);
    }

    [Theory]
    [InlineData(1, 5, "VMX")]
    [InlineData(1, 3, "MONITOR")]
    [InlineData(0x80000001, 2, "SVM")]
    [InlineData(0x80000001, 23, "PERFCTR_CORE")]
    public void Create_HidesWhatNothingHereAnswers(uint function, int ecxBit, string name)
    {
        uint ecx = Find(Create(new CpuidRequest { VcpuIndex = 0, VcpuCount = 1 }), function).Ecx;

        Assert.True((ecx & (1u << ecxBit)) == 0, name);
    }

    [Fact]
    public void Create_SaysThatAHypervisorIsThere() =>
        Assert.NotEqual(0u, Find(Create(new CpuidRequest { VcpuIndex = 0, VcpuCount = 1 }), 1).Ecx & (1u << 31));

    [Fact]
    public void Create_OffersTheMonitorsFeaturesBesideKvmsAndHidesWhatIsToBeHidden()
    {
        uint features = Find(
            Create(new CpuidRequest { VcpuIndex = 0, VcpuCount = 1, MonitorKvmFeatures = 0x3_0000, HiddenKvmFeatures = 0x2_0001 }),
            KvmFeatures).Eax;

        Assert.Equal((0x0100_7EFBu | 0x1_0000) & ~1u, features);
    }

    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(3, 4, 2)]
    [InlineData(4, 5, 3)]
    public void Create_GivesEachVcpuItsApicIdAndTheTopology(uint index, int count, uint coreBits)
    {
        KvmCpuidEntry2[] entries = Create(new CpuidRequest { VcpuIndex = index, VcpuCount = count });

        Assert.Equal(index, Find(entries, 1).Ebx >> 24);
        Assert.Equal((uint)count, (Find(entries, 1).Ebx >> 16) & 0xFF);
        KvmCpuidEntry2 core = Assert.Single(entries, static entry => entry is { Function: 0xB, Index: 1 });
        Assert.Equal(coreBits, core.Eax);
        Assert.Equal((uint)count, core.Ebx);
        Assert.Equal(index, core.Edx);
        Assert.Equal((uint)count - 1, Find(entries, 0x8000_0008).Ecx & 0xFF);
        Assert.Equal(coreBits, (Find(entries, 0x8000_0008).Ecx >> 12) & 0xF);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Create_TopologyIsWholeHoweverManySubleavesKvmLists(int listed)
    {
        KvmCpuidEntry2[] host =
        [
            new() { Function = 0 },
            .. Enumerable.Range(0, listed).Select(static index => new KvmCpuidEntry2 { Function = 0xB, Index = (uint)index, Flags = 1 }),
        ];

        KvmCpuidEntry2[] levels =
            [.. CpuidPolicy.Create(host, new CpuidRequest { VcpuIndex = 2, VcpuCount = 4 }).Where(static entry => entry.Function == 0xB)];

        Assert.Equal([0u, 1u, 2u], levels.Select(static level => level.Index));
        Assert.Equal([0u, 2u, 0u], levels.Select(static level => level.Eax));
        Assert.Equal([1u, 4u, 0u], levels.Select(static level => level.Ebx));
        Assert.Equal([0x100u, 0x201u, 2u], levels.Select(static level => level.Ecx));
        Assert.All(levels, static level => Assert.Equal((2u, 1u), (level.Edx, level.Flags)));
    }

    [Fact]
    public void GetPhysicalAddressBits_IsWhatKvmOffers() => Assert.Equal(40, CpuidPolicy.GetPhysicalAddressBits(Host));

    private static KvmCpuidEntry2[] Create(CpuidRequest request) => CpuidPolicy.Create(Host, request);

    private static KvmCpuidEntry2 Find(KvmCpuidEntry2[] entries, uint function) =>
        Assert.Single(entries, entry => entry.Function == function);
}
