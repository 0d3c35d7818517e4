using System.Text.RegularExpressions;
using KvmSevVmm.Cli.Values;

namespace KvmSevVmm.Cli.Tests.Values;

public sealed partial class KvmFeatureValueTests
{
    private const string Header = "/usr/include/x86_64-linux-gnu/asm/kvm_para.h";

    [Fact]
    public void Parse_Names_GivesTheirBits() =>
        Assert.Equal((1U << 16) | (1U << 17), KvmFeatureValue.Parse("--hide-kvm-feature", "migration-control,hc-map-gpa-range"));

    [Fact]
    public void NamesOf_EveryFeature_ReadsBackAsItself()
    {
        foreach ((string name, int bit) in KvmFeatureValue.Features)
        {
            Assert.Equal(1U << bit, KvmFeatureValue.Parse("--x", name));
            Assert.Equal([name], KvmFeatureValue.NamesOf(1U << bit));
        }
    }

    [Fact]
    public void Features_AreThoseOfTheKernelHeader()
    {
        Assert.SkipUnless(File.Exists(Header), $"{Header} is not installed (package linux-libc-dev)");
        Dictionary<string, int> header = [];
        foreach (Match match in FeatureDefinition().Matches(File.ReadAllText(Header)))
        {
            header.Add(match.Groups[1].Value.ToLowerInvariant().Replace('_', '-'), int.Parse(match.Groups[2].Value, null));
        }

        Assert.True(header.Count >= 17, $"only {header.Count} features found in the header");
        Assert.All(header, feature => Assert.Contains((feature.Key, feature.Value), KvmFeatureValue.Features));
    }

    [GeneratedRegex(@"^#define KVM_FEATURE_(\w+)\s+(\d+)\s*$", RegexOptions.Multiline)]
    private static partial Regex FeatureDefinition();
}
