using KvmSevVmm.Sev.Policies;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Policies;

public sealed class SnpPolicyTests
{
    [Theory]
    [InlineData("default", 0x30000UL)]
    [InlineData("0x30000", 0x30000UL)]
    [InlineData("196608", 0x30000UL)]
    [InlineData("0", 0UL)]
    [InlineData("18446744073709551615", ulong.MaxValue)]
    [InlineData("smt", 0x30000UL)]
    [InlineData("abi-major=1,abi-minor=51", 0x20133UL)]
    [InlineData("smt,debug", 0xB0000UL)]
    [InlineData("smt,migrate-ma,single-socket", 0x170000UL)]
    [InlineData("cxl,aes-256-xts,rapl-dis,ciphertext-hiding,page-swap-disable", 0x3E20000UL)]
    public void Parse_NumbersAndNames_GiveTheBits(string text, ulong expected) => Assert.Equal(expected, SnpPolicy.Parse(text).Value);

    [Theory]
    [InlineData("")]
    [InlineData("nodbg")]
    [InlineData("smt,smt")]
    [InlineData("smt=1")]
    [InlineData("18446744073709551616")]
    [InlineData("abi-major=300")]
    [InlineData("default,smt")]
    public void Parse_Nonsense_IsRefused(string text) =>
        Assert.Equal("policy", Assert.Throws<SevFormatException>(() => SnpPolicy.Parse(text)).Field);

    [Fact]
    public void ToNames_EveryNamedBit_ParsesBack()
    {
        for (ulong flags = 0; flags < 0x400; flags++)
        {
            SnpPolicy policy = new((flags << 16) | SnpPolicy.MustBeOneMask | 0x133);
            Assert.Equal(policy, SnpPolicy.Parse(policy.ToNames()));
        }

        Assert.Equal("smt", SnpPolicy.Default.ToNames());
        Assert.Equal("0x30000", SnpPolicy.Default.ToString());
    }

    [Fact]
    public void Describe_Default_IsGolden() => Assert.Equal(
        """
        ABI: the firmware must be of SNP ABI 0.0 or later.
        SMT: the guest may run while simultaneous multithreading is on.
        MIGRATE_MA is clear: the guest can have no migration agent.
        DEBUG is clear: the host cannot debug the guest.
        SINGLE_SOCKET is clear: the guest may run on several sockets.
        CXL_ALLOW is clear: the guest's memory may not lie on CXL devices.
        MEM_AES_256_XTS is clear: AES-128-XEX is enough for memory.
        RAPL_DIS is clear: the host may measure power (RAPL) while the guest runs.
        CIPHERTEXT_HIDING is clear: the host may read the ciphertext.
        PAGE_SWAP_DISABLE is clear: the host may swap and move the guest's pages, encrypted.
        """,
        string.Join('\n', SnpPolicy.Default.Describe()));

    [Fact]
    public void Describe_TheOpposite_IsGolden() => Assert.Equal(
        """
        ABI: the firmware must be of SNP ABI 1.51 or later.
        SMT is clear: the guest only runs on a host with simultaneous multithreading off.
        MIGRATE_MA: the guest may have a migration agent, which can read all of it.
        DEBUG: the host CAN READ AND WRITE the guest's memory through the firmware.
        SINGLE_SOCKET: the guest runs on one socket only.
        CXL_ALLOW: the guest's memory may lie on CXL devices.
        MEM_AES_256_XTS: memory must be encrypted with AES-256-XTS.
        RAPL_DIS: the host's power measurement (RAPL) must be off.
        CIPHERTEXT_HIDING: the host must not be able to read the ciphertext.
        PAGE_SWAP_DISABLE: the host cannot swap or move the guest's pages.
        Bit 17 must be one, here it is zero.
        Bits 26 to 63 are reserved and must be zero, here they are 0x1.
        """,
        string.Join('\n', new SnpPolicy(0x7FC0133).Describe()));

    [Fact]
    public void GetProblems_EachBit_IsReservedOrNot()
    {
        for (int bit = 0; bit < 64; bit++)
        {
            SnpPolicy policy = new(SnpPolicy.MustBeOneMask | (1UL << bit));
            Assert.Equal(bit >= 26, policy.GetProblems().Count == 1);
        }

        Assert.Single(new SnpPolicy(0).GetProblems());
    }

    [Theory]
    [InlineData(1, 51, true)]
    [InlineData(1, 50, false)]
    [InlineData(2, 0, true)]
    [InlineData(0, 255, false)]
    public void IsMetBy_PolicyFor151_ComparesMajorThenMinor(byte major, byte minor, bool isMet) =>
        Assert.Equal(isMet, new SnpPolicy(0x30133).IsMetBy(major, minor));
}
