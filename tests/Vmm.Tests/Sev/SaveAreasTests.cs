using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

public sealed class SaveAreasTests
{
    private const uint Signature = 0x00A2_0F12;

    private static readonly BootRegisters Linux = new(
        BootProtocol.Linux64, new Gpa(0x100_0200), Rsi: 0x7000, Rbx: 0, Cr3: 0x8_0000_9000, new Gpa(0x500_0000), GdtLimit: 0x2F);

    [Theory]
    [InlineData(SevInitInterface.Init2, VmsaProfile.QemuInit2)]
    [InlineData(SevInitInterface.Legacy, VmsaProfile.QemuLegacyInit)]
    public void AtReset_IsWhatOtherMonitorsMeasure(SevInitInterface init, VmsaProfile profile)
    {
        byte[] boot = SaveAreas.Create([ResetState.AtReset(ResetState.ResetVector, Signature)], init)[0];
        byte[] waiting = SaveAreas.Create([ResetState.AtReset(0x80B004, Signature)], init, VmsaProfiles.SnpActive)[0];

        Assert.Equal(VmsaProfiles.Create(profile, VmsaProfiles.ResetVector, Signature, 0).Page.ToArray(), boot);
        Assert.Equal(VmsaProfiles.Create(profile, 0x80B004, Signature, VmsaProfiles.SnpActive).Page.ToArray(), waiting);
    }

    [Fact]
    public void ForDirectBoot_HasTheKernelsRegistersFirstAndResetOnesAfter()
    {
        IReadOnlyList<byte[]> areas = SaveAreas.ForDirectBoot(Linux, 3, SevInitInterface.Init2, Signature);

        Assert.Equal(3, areas.Count);
        Assert.All(areas, static area => Assert.Equal(Vmsa.Size, area.Length));
        Vmsa boot = Vmsa.Parse(areas[0], "test");
        Assert.Equal(0x100_0200UL, boot.Rip);
        Assert.Equal(0x7000UL, boot.Rsi);
        Assert.Equal(0x8_0000_9000UL, boot.Cr3);
        Assert.Equal(0x1500UL, boot.Efer);
        Assert.Equal(0x8000_0011UL, boot.Cr0);
        Assert.Equal(0x60UL, boot.Cr4);
        Assert.Equal(new VmsaSegment(BootGdt.Code64Selector, 0xA9B, 0xFFFF_FFFF, 0), boot.Cs);
        Assert.Equal(new VmsaSegment(BootGdt.DataSelector, 0xC93, 0xFFFF_FFFF, 0), boot.Ss);
        Assert.Equal(new VmsaSegment(0, 0, 0x2F, 0x500_0000), boot.Gdtr);
        Assert.Equal(0UL, boot.Rdx);
        Assert.Equal(areas[1], areas[2]);
        Assert.Equal(Signature, Vmsa.Parse(areas[1], "test").Rdx);
    }

    [Fact]
    public void ForDirectBoot_OneVcpu_DoesNotDependOnTheProcessor() => Assert.Equal(
        SaveAreas.ForDirectBoot(Linux, 1, SevInitInterface.Legacy, 1)[0], SaveAreas.ForDirectBoot(Linux, 1, SevInitInterface.Legacy, 2)[0]);

    [Fact]
    public void Pvh_IsProtectedModeWithoutPaging()
    {
        BootRegisters boot = new(BootProtocol.Pvh32, new Gpa(0x100_0000), Rsi: 0, Rbx: 0x6000, Cr3: 0, new Gpa(0x5000), GdtLimit: 0x2F);

        Vmsa area = Vmsa.Parse(SaveAreas.ForDirectBoot(boot, 1, SevInitInterface.Init2, 0)[0], "test");

        Assert.Equal(0x11UL, area.Cr0);
        Assert.Equal(0x1000UL, area.Efer);
        Assert.Equal(0x6000UL, area.Rbx);
        Assert.Equal(new VmsaSegment(BootGdt.Code32Selector, 0xC9B, 0xFFFF_FFFF, 0), area.Cs);
    }

    [Fact]
    public void Auto_IsNoAnswer() => Assert.Throws<ArgumentOutOfRangeException>(
        () => SaveAreas.ForDirectBoot(Linux, 1, SevInitInterface.Auto, 0));
}
