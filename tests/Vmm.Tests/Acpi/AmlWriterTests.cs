using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Acpi;

public sealed class AmlWriterTests
{
    [Theory]
    [InlineData(0UL, "00")]
    [InlineData(1UL, "01")]
    [InlineData(2UL, "0A02")]
    [InlineData(0xFFUL, "0AFF")]
    [InlineData(0x100UL, "0B0001")]
    [InlineData(0xFFFFUL, "0BFFFF")]
    [InlineData(0x1_0000UL, "0C00000100")]
    [InlineData(0xFFFF_FFFFUL, "0CFFFFFFFF")]
    [InlineData(0x1_0000_0000UL, "0E0000000001000000")]
    public void Integer_TakesItsShortestForm(ulong value, string expected)
    {
        AmlWriter aml = new();
        aml.Integer(value);
        Assert.Equal(expected, Convert.ToHexString(aml.Written));
    }

    // The length counts its own bytes: one up to 63, two up to 4095, three beyond.
    [Theory]
    [InlineData(57, "103F5C5F53425F")]
    [InlineData(58, "1041045C5F53425F")]
    [InlineData(4088, "104FFF5C5F53425F")]
    [InlineData(4089, "108100015C5F53425F")]
    public void PackageLength_GrowsWithItsContent(int zeros, string start)
    {
        AmlWriter aml = new();
        aml.Scope("_SB_", body =>
        {
            for (int i = 0; i < zeros; i++)
            {
                body.Integer(0);
            }
        });
        Assert.StartsWith(start + "00", Convert.ToHexString(aml.Written), StringComparison.Ordinal);
        Assert.Equal((start.Length / 2) + zeros, aml.Written.Length);
    }

    [Theory]
    [InlineData("PNP0501", "0C41D00501")]
    [InlineData("PNP0C0C", "0C41D00C0C")]
    [InlineData("LNRO0005", "0D4C4E524F3030303500")]
    [InlineData("ACPI0013", "0D414350493030313300")]
    [InlineData("pnp0501", "0D706E703035303100")]
    public void HardwareId_IsPackedWhenItIsAnEisaId(string id, string expected)
    {
        AmlWriter aml = new();
        aml.HardwareId(id);
        Assert.Equal(expected, Convert.ToHexString(aml.Written));
    }

    [Theory]
    [InlineData("ABC")]
    [InlineData("0ABC")]
    [InlineData("abcd")]
    [InlineData("ABCDE")]
    public void Name_OfAnotherForm_IsABug(string name) => Assert.Throws<ArgumentException>(() => new AmlWriter().Name(name));

    [Fact]
    public void VirtioDevice_IsWhatLinuxLooksFor()
    {
        GpaRange window = new(new Gpa(0xD000_0000), 0x200);
        AcpiDevice device = AcpiSamples.VirtioMmio(0, window, 16, InterruptTrigger.Edge);

        byte[] dsdt = Dsdt.Create([device]);

        const string Expected =
            "104A045C5F53425F" // Scope (\_SB)
            + "5B82410456523030" // Device (VR00)
            + "085F4849440D4C4E524F3030303500" // _HID
            + "085F55494400" // _UID
            + "085F43434101" // _CCA
            + "085F435253111A0A17" // _CRS, a buffer of 23 bytes
            + "86090001000000D000020000" // Memory32Fixed
            + "890600030110000000" // Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive)
            + "7900"
            + "085F53355F1207040A05000000"; // _S5
        Assert.Equal(Expected, Convert.ToHexString(dsdt.AsSpan(36)));
    }
}
