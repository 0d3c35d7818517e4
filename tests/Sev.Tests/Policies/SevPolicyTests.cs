using KvmSevVmm.Sev.Policies;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Policies;

public sealed class SevPolicyTests
{
    [Theory]
    [InlineData("0", 0u)]
    [InlineData("3", 3u)]
    [InlineData("0x5", 5u)]
    [InlineData("0X0000003f", 0x3Fu)]
    [InlineData("4294967295", 0xFFFFFFFFu)]
    [InlineData(" nodbg ", 1u)]
    [InlineData("nodbg,noks", 3u)]
    [InlineData("NODBG, noks , Es", 7u)]
    [InlineData("nosend", 8u)]
    [InlineData("domain", 0x10u)]
    [InlineData("sev", 0x20u)]
    [InlineData("nodbg,noks,es,nosend,domain,sev", 0x3Fu)]
    [InlineData("api-major=1,api-minor=40", 0x28010000u)]
    [InlineData("nodbg,api-major=0x1,api-minor=0x33", 0x33010001u)]
    [InlineData("es,api-minor=255", 0xFF000004u)]
    public void Parse_NumbersAndNames_GiveTheBits(string text, uint expected) => Assert.Equal(expected, SevPolicy.Parse(text).Value);

    [Theory]
    [InlineData("")]
    [InlineData(",")]
    [InlineData("nodbg,")]
    [InlineData("debug")]
    [InlineData("-1")]
    [InlineData("0x")]
    [InlineData("0x100000000")]
    [InlineData("4294967296")]
    [InlineData("1.5")]
    [InlineData("nodbg,nodbg")]
    [InlineData("nodbg=1")]
    [InlineData("api-major")]
    [InlineData("api-major=")]
    [InlineData("api-major=256")]
    [InlineData("api-major=-1")]
    [InlineData("api-major=1,api-major=1")]
    [InlineData("smt")]
    public void Parse_Nonsense_IsRefused(string text)
    {
        SevFormatException refusal = Assert.Throws<SevFormatException>(() => SevPolicy.Parse(text));

        Assert.Equal("policy", refusal.Field);
        Assert.Equal(text, refusal.Input);
    }

    [Fact]
    public void ToNames_EveryNamedBit_ParsesBack()
    {
        for (uint flags = 0; flags < 0x40; flags++)
        {
            SevPolicy policy = new(flags | 0x28010000);
            Assert.Equal(policy, SevPolicy.Parse(policy.ToNames()));
        }

        Assert.Equal("nodbg,noks,es,api-major=1,api-minor=40", new SevPolicy(0x28010007).ToNames());
        Assert.Equal(string.Empty, new SevPolicy(0).ToNames());
        Assert.Equal("0x28010007", new SevPolicy(0x28010007).ToString());
    }

    [Fact]
    public void Describe_NoBits_SaysWhatTheHostMayDo() => Assert.Equal(
        """
        NODBG is clear: the host CAN READ AND WRITE the guest's memory through the firmware.
        NOKS is clear: the host can launch another guest with the same key.
        ES is clear: the host sees the guest's registers at every exit (plain SEV).
        NOSEND is clear: the guest can be sent to another platform.
        DOMAIN is clear: a receiving platform needs not have the same owner.
        SEV is clear: a receiving platform needs not be certified by AMD.
        API: the firmware must be of SEV API 0.0 or later.
        """,
        string.Join('\n', new SevPolicy(0).Describe()));

    [Fact]
    public void Describe_AllBits_SaysWhatTheHostMayNotDo() => Assert.Equal(
        """
        NODBG: the host cannot debug the guest.
        NOKS: no other guest can share this guest's key.
        ES: the guest's registers are encrypted too (SEV-ES).
        NOSEND: the guest cannot be sent to another platform.
        DOMAIN: the guest can only be sent to a platform of the same owner.
        SEV: the guest can only be sent to a platform that AMD certifies.
        API: the firmware must be of SEV API 1.55 or later.
        Bits 6 to 15 are reserved and must be zero, here they are 0x3ff.
        """,
        string.Join('\n', new SevPolicy(0x3701FFFF).Describe()));

    [Fact]
    public void GetProblems_EachReservedBit_IsOne()
    {
        for (int bit = 0; bit < 32; bit++)
        {
            SevPolicy policy = new(1u << bit);
            Assert.Equal(bit is >= 6 and <= 15, policy.GetProblems().Count == 1);
        }
    }

    [Theory]
    [InlineData(0x00000000u, true)]
    [InlineData(0x37010000u, true)]
    [InlineData(0x38010000u, false)]
    [InlineData(0xFF000000u, true)]
    [InlineData(0x00020000u, false)]
    public void IsMetBy_Firmware155_ComparesMajorThenMinor(uint policy, bool isMet) =>
        Assert.Equal(isMet, new SevPolicy(policy).IsMetBy(new SevFirmwareVersion(1, 55, 25)));
}
