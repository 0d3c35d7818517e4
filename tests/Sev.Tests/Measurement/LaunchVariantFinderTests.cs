using System.Security.Cryptography;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Tests.Firmware;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Measurement;

public sealed class LaunchVariantFinderTests
{
    private static readonly KernelHashes Kernel = new(SHA256.HashData("kernel"u8), SHA256.HashData("initrd"u8), "console=ttyS0 quiet");

    private static readonly LaunchInputs Snp = new()
    {
        Mode = LaunchMode.Snp,
        Firmware = OvmfBuilder.Complete().Build(),
        Kernel = Kernel,
        VcpuCount = 4,
        CpuSignature = 0xA00F11,
    };

    [Fact]
    public void Find_InputsThatFit_HasNoDifference()
    {
        foreach (LaunchMode mode in Enum.GetValues<LaunchMode>())
        {
            LaunchInputs inputs = Snp with { Mode = mode };

            LaunchVariant? found = LaunchVariantFinder.Find(inputs, LaunchDigests.Compute(inputs));

            Assert.Empty(found!.Differences);
            Assert.Equal("the inputs as they are", found.ToString());
            Assert.Equal(LaunchDigests.Compute(inputs), found.Digest.ToArray());
        }
    }

    [Fact]
    public void Find_EachKnownVariant_IsNamed()
    {
        AssertNamed("debug_swap", given => given with { SevFeatures = given.EffectiveSevFeatures | 0x20 });
        AssertNamed("KVM_SEV_ES_INIT or a host kernel before 6.10", given => given with { Profile = VmsaProfile.QemuLegacyInit });
        AssertNamed("5 vCPUs instead of 4", given => given with { VcpuCount = 5 });
        AssertNamed("3 vCPUs instead of 4", given => given with { VcpuCount = 3 });
        AssertNamed("512 vCPUs instead of 4", given => given with { VcpuCount = 512 });
        AssertNamed("processor EPYC-Genoa (0xa10f10) instead of EPYC-Milan (0xa00f11)", given => given with { CpuSignature = 0xA10F10 });
        AssertNamed("no kernel hashes", given => given with { Kernel = null });
        AssertNamed("a newline at the end", given => given with { Kernel = Kernel with { CommandLine = Kernel.CommandLine + "\n" } });
        AssertNamed("a space at the end", given => given with { Kernel = Kernel with { CommandLine = Kernel.CommandLine + " " } });
        AssertNamed("no command line", given => given with { Kernel = Kernel with { CommandLine = string.Empty } });
        AssertNamed("no initrd", given => given with { Kernel = Kernel with { InitrdHash = null } });
    }

    [Theory]
    [InlineData(VmsaProfile.Ec2, "Amazon EC2")]
    [InlineData(VmsaProfile.Ec2Early, "Amazon EC2 as it was at first")]
    [InlineData(VmsaProfile.Gce, "Google Compute Engine")]
    public void Find_OtherMonitor_IsNamed(VmsaProfile profile, string name)
    {
        LaunchVariant? found = LaunchVariantFinder.Find(Snp, LaunchDigests.Compute(Snp with { Profile = profile }));

        Assert.Contains(name, Assert.Single(found!.Differences), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_CommandLineWithoutItsNul_IsNamed()
    {
        byte[] table = new SevHashTable(
            SHA256.HashData("console=ttyS0 quiet"u8),
            SHA256.HashData("initrd"u8),
            SHA256.HashData("kernel"u8)).Bytes.ToArray();
        byte[] digest = SHA256.HashData([.. Snp.Firmware.Image.Span, .. table]);

        LaunchVariant? found = LaunchVariantFinder.Find(Snp with { Mode = LaunchMode.Sev }, digest);

        Assert.Contains("without its final NUL", Assert.Single(found!.Differences), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_WhiteSpaceAroundTheGivenCommandLine_IsNamed()
    {
        LaunchInputs padded = Snp with { Kernel = Kernel with { CommandLine = " console=ttyS0 quiet\n" } };

        LaunchVariant? found = LaunchVariantFinder.Find(padded, LaunchDigests.Compute(Snp));

        Assert.Contains("without white space at its ends", Assert.Single(found!.Differences), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_SevAndSevEsMistakenForEachOther_AreNamed()
    {
        LaunchInputs sev = Snp with { Mode = LaunchMode.Sev };
        LaunchInputs es = Snp with { Mode = LaunchMode.SevEs };

        LaunchVariant? foundSev = LaunchVariantFinder.Find(es, LaunchDigests.Compute(sev));
        LaunchVariant? foundEs = LaunchVariantFinder.Find(sev, LaunchDigests.Compute(es));

        Assert.Contains("SEV instead of SEV-ES", Assert.Single(foundSev!.Differences), StringComparison.Ordinal);
        Assert.Contains("SEV-ES instead of SEV", Assert.Single(foundEs!.Differences), StringComparison.Ordinal);
        Assert.Equal((0, 4), (foundSev.VcpuCount, foundEs.VcpuCount));
    }

    [Fact]
    public void Find_SeveralDifferences_NamesThemAll()
    {
        LaunchInputs changed = Snp with { VcpuCount = 2, SevFeatures = 0x21, CpuSignature = 0x800F12, Kernel = null };

        LaunchVariant? found = LaunchVariantFinder.Find(Snp, LaunchDigests.Compute(changed));

        Assert.Equal(4, found!.Differences.Count);
        Assert.Equal(2, found.VcpuCount);
        Assert.Contains("; ", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_AnotherFirmware_FindsNothing()
    {
        OvmfBuilder other = OvmfBuilder.Complete();
        other.Size = 32768;

        Assert.Null(LaunchVariantFinder.Find(Snp, LaunchDigests.Compute(Snp with { Firmware = other.Build() })));
        Assert.Null(LaunchVariantFinder.Find(Snp with { Mode = LaunchMode.SevEs }, new byte[32]));
        Assert.Null(LaunchVariantFinder.Find(Snp, ReadOnlyMemory<byte>.Empty));
    }

    [Fact]
    public void Find_KeyedMeasurement_FindsTheDigestBehindIt()
    {
        byte[] tik = SHA256.HashData("tik"u8)[..16];
        byte[] nonce = SHA256.HashData("nonce"u8)[..16];
        SevFirmwareVersion firmware = new(1, 55, 25);
        SevPolicy policy = new(5);
        LaunchInputs es = Snp with { Mode = LaunchMode.SevEs, VcpuCount = 2 };
        byte[] measured = LaunchMeasure.Compute(tik, firmware, policy, LaunchDigests.Compute(es with { VcpuCount = 3 }), nonce);

        LaunchVariant? found = LaunchVariantFinder.Find(
            es,
            digest => LaunchMeasure.Compute(tik, firmware, policy, digest, nonce).AsSpan().SequenceEqual(measured));

        Assert.Equal("3 vCPUs instead of 2", found!.ToString());
    }

    [Fact]
    public void Find_VmsasGiven_AreOnlyCounted()
    {
        byte[] first = new Vmsa { Rip = 1 }.Page.ToArray();
        byte[] further = new Vmsa { Rip = 2 }.Page.ToArray();
        LaunchInputs own = Snp with { Vmsas = [first, further] };

        Assert.Equal(
            "4 vCPUs instead of 2",
            LaunchVariantFinder.Find(own, LaunchDigests.Compute(own with { Vmsas = [first, further, further, further] }))!.ToString());
        Assert.Equal(
            "1 vCPUs instead of 2",
            LaunchVariantFinder.Find(own, LaunchDigests.Compute(own with { Vmsas = [first] }))!.ToString());
    }

    // What the origin's cases say of each other.
    [Fact]
    public void Find_SnpMeasuresOwnVectors_NamesTheDifference()
    {
        LaunchInputs one = LaunchDigestVectorTests.ReadInputs(LaunchDigestVectorTests.GetCase("snp_4vcpus_snp_only").GetProperty("inputs"));
        byte[] ec2 = LaunchDigestVectorTests.GetCase("snp_ec2_default").Hex("expect");
        byte[] debugSwap = LaunchDigestVectorTests.GetCase("snp_ovmf_hash_gen_default").Hex("expect");
        byte[] noKernel = LaunchDigestVectorTests.GetCase("snp_without_kernel_default").Hex("expect");

        Assert.Contains("Amazon EC2", LaunchVariantFinder.Find(one, ec2)!.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, LaunchVariantFinder.Find(one, debugSwap)!.Differences.Count);
        Assert.Contains("no kernel hashes", LaunchVariantFinder.Find(one, noKernel)!.ToString(), StringComparison.Ordinal);
        Assert.Contains("1 vCPUs instead of 4", LaunchVariantFinder.Find(one, noKernel)!.ToString(), StringComparison.Ordinal);
    }

    private static void AssertNamed(string words, Func<LaunchInputs, LaunchInputs> change)
    {
        foreach (LaunchMode mode in (LaunchMode[])[LaunchMode.Snp, LaunchMode.SevEs])
        {
            LaunchInputs given = Snp with { Mode = mode };

            LaunchVariant? found = LaunchVariantFinder.Find(given, LaunchDigests.Compute(change(given)));

            Assert.True(found is not null, $"{mode}: nothing found for \"{words}\"");
            Assert.Contains(words, Assert.Single(found.Differences), StringComparison.Ordinal);
        }
    }
}
