using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Vcpus;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

public sealed class SevHostTests
{
    [Theory]
    [InlineData(SevMode.Sev, SevInitInterface.Auto, 0x1Du, true, KvmVmType.Sev)]
    [InlineData(SevMode.SevEs, SevInitInterface.Auto, 0x1Du, true, KvmVmType.SevEs)]
    [InlineData(SevMode.Sev, SevInitInterface.Legacy, 0x1Du, true, KvmVmType.Default)]
    [InlineData(SevMode.SevEs, SevInitInterface.Init2, 0x1Du, true, KvmVmType.SevEs)]
    [InlineData(SevMode.Sev, SevInitInterface.Auto, 0u, false, KvmVmType.Default)]
    [InlineData(SevMode.SevEs, SevInitInterface.Auto, 0x5u, true, KvmVmType.Default)]
    [InlineData(SevMode.Sev, SevInitInterface.Auto, 0x1Du, false, KvmVmType.Default)]
    [InlineData(SevMode.SevSnp, SevInitInterface.Auto, 0x1Du, true, KvmVmType.Snp)]
    public void ChooseVmType_TakesInit2WhereTheKernelHasIt(
        SevMode mode, SevInitInterface wanted, uint types, bool hasInit2, KvmVmType expected) =>
        Assert.Equal(expected, Host(types, hasInit2).ChooseVmType(mode, wanted));

    [Theory]
    [InlineData(0x1Du, false)]
    [InlineData(0x1u, true)]
    public void ChooseVmType_Init2WantedAndAbsent_IsTheHostsLack(uint types, bool hasInit2) =>
        Assert.Throws<HostLacksException>(() => Host(types, hasInit2).ChooseVmType(SevMode.Sev, SevInitInterface.Init2));

    [Theory]
    [InlineData(0xDu, true)]
    [InlineData(0x1Du, false)]
    public void ChooseVmType_SnpThatIsAbsent_SaysWhatWasSeen(uint types, bool hasInit2)
    {
        HostLacksException lacks = Assert.Throws<HostLacksException>(
            () => Host(types, hasInit2).ChooseVmType(SevMode.SevSnp, SevInitInterface.Auto));

        Assert.Contains($"this KVM offers no SNP VM type (KVM_CAP_VM_TYPES = 0x{types:x}", lacks.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SevMode.Sev, 0x2u)]
    [InlineData(SevMode.SevEs, 0xAu)]
    [InlineData(SevMode.SevSnp, 0x1Au)]
    public void FeaturesFor_IsWhatTheGuestItselfIs(SevMode mode, uint features) => Assert.Equal(features, SevHost.FeaturesFor(mode));

    [Theory]
    [InlineData(0x100u, "GHCB reason set 0, reason 0: a general request")]
    [InlineData(0x1_0100u, "GHCB reason set 0, reason 1: the host's GHCB protocol is not one that the guest speaks")]
    [InlineData(0x2_1100u, "GHCB reason set 1, reason 2: Linux could not validate a page")]
    [InlineData(0xFF_F100u, "GHCB reason set 15, reason 255: a reason that only the guest knows")]
    public void Termination_IsDecoded(uint value, string words) => Assert.Equal(words, GhcbTermination.Describe(value));

    private static SevHost Host(uint types, bool hasInit2) => new(51, 1, 0xA, types, hasInit2);
}
