using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

public sealed class DeviceSpaceTests
{
    [Fact]
    public void Windows_BeginOnPagesOfTheirOwn_AndLieInTheHole()
    {
        DeviceSpace space = new();

        Assert.Equal(new GpaRange(new Gpa(0xD000_0000), 0x200), space.AllocateWindow(0x200));
        Assert.Equal(new GpaRange(new Gpa(0xD000_1000), 0x1001), space.AllocateWindow(0x1001));
        Assert.Equal(new GpaRange(new Gpa(0xD000_3000), 1), space.AllocateWindow(1));
        InvalidInputException full = Assert.Throws<InvalidInputException>(() => space.AllocateWindow(0x100_0000));
        Assert.Contains("do not fit", full.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Interrupts_AreDifferent_AndNobodyElses()
    {
        DeviceSpace space = new();
        uint[] gsis = [.. Enumerable.Range(0, 18).Select(_ => space.AllocateGsi())];

        Assert.Equal(18, gsis.Distinct().Count());
        Assert.Equal(16u, gsis[0]);
        Assert.All(gsis, static gsi => Assert.InRange(gsi, 3u, 23u));
        Assert.DoesNotContain((uint)Serial16550.Com1Irq, gsis);
        Assert.DoesNotContain((uint)PowerButton.Gsi, gsis);
        Assert.Throws<InvalidInputException>(() => space.AllocateGsi());
    }
}
