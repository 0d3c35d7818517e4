using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Host;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Host;

public sealed class AsidUseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-asids-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(509u, 6u, "1-5 SEV-ES and SEV-SNP, 6-509 SEV")]
    [InlineData(509u, 1u, "none for SEV-ES and SEV-SNP, 1-509 SEV")]
    [InlineData(15u, 16u, "1-15 SEV-ES and SEV-SNP, none for SEV")]
    public void Describe_DividesTheAsidsAsTheProcessorDoes(uint count, uint firstSev, string expected) =>
        Assert.Equal([expected], AsidUse.Describe([Leaf(count, firstSev)], Paths()));

    [Fact]
    public void Describe_CountsWhatTheControlGroupsTell()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "own"));
        File.WriteAllText(Path.Combine(_folder, "misc.capacity"), "sev 504\nsev_es 5\n");
        File.WriteAllText(Path.Combine(_folder, "misc.current"), "sev 3\nsev_es 0\n");
        File.WriteAllText(Path.Combine(_folder, "own", "misc.max"), "sev max\nsev_es 2\n");
        File.WriteAllText(Path.Combine(_folder, "cgroup"), "0::/own\n");

        Assert.Equal(["sev: 3 of 504 in use", "sev_es: 0 of 5 in use, this control group may have 2"], AsidUse.Describe([], Paths()));
    }

    [Fact]
    public void Describe_HostThatTellsNothing_IsNotGuessedAt() => Assert.Empty(AsidUse.Describe([Leaf(0, 0)], Paths()));

    private static KvmCpuidEntry2 Leaf(uint count, uint firstSev) =>
        new() { Function = 0x8000_001F, Eax = 2, Ecx = count, Edx = firstSev };

    private HostPaths Paths() => new() { ControlGroups = _folder, Process = _folder };
}
