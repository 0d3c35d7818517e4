using System.Security.Cryptography;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Tests.Boot;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

public sealed class DirectLaunchDigestTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-measure-").FullName;
    private readonly VmConfig _machine;

    public DirectLaunchDigestTests()
    {
        string kernel = Path.Combine(_folder, "vmlinuz");
        string initrd = Path.Combine(_folder, "initrd.img");
        File.WriteAllBytes(kernel, new BzImageBuilder().Build());
        File.WriteAllBytes(initrd, [.. Enumerable.Range(0, 9000).Select(static i => (byte)(i * 3))]);
        _machine = new VmConfig { Boot = new BootConfig(kernel, initrd, "console=ttyS0"), MemoryBytes = 64 << 20, VcpuCount = 2 };
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(SevGuestKind.Sev)]
    [InlineData(SevGuestKind.SevEs)]
    public void Compute_IsTheHashOfWhatTheLoaderPutsIntoRam(SevGuestKind kind)
    {
        DirectLaunchInputs inputs = new() { Machine = _machine, Kind = kind, CBitPosition = 47, CpuSignature = 0xA00F11 };
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(64 << 20, 48, SevMode.Sev, 47));
        LoadedImage image = LoadedImage.Load(_machine.Boot, AcpiTables.Create(_machine), memory);
        using IncrementalHash expected = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (LoadedPiece piece in image.Measured)
        {
            expected.AppendData(memory.GetReadOnlySpan(piece.Range.Start, (int)piece.Range.Length));
        }

        IReadOnlyList<byte[]> saveAreas = kind == SevGuestKind.Sev
            ? []
            : SaveAreas.ForDirectBoot(image.Registers, 2, SevInitInterface.Init2, 0xA00F11);
        foreach (byte[] page in saveAreas)
        {
            expected.AppendData(page);
        }

        List<MeasuredStep> steps = [];
        using DirectLaunchDigest launch = DirectLaunchDigest.Open(inputs);
        byte[] digest = launch.Compute(steps);

        Assert.Equal(expected.GetHashAndReset(), digest);
        Assert.Equal(digest, steps[^1].DigestAfter.ToArray());
        Assert.Equal(
            image.Measured.Select(static piece => piece.Name),
            steps.Where(static step => step.Kind == "DATA").Select(static step => step.Label));
        Assert.Equal(digest, launch.Compute());
    }

    [Fact]
    public void Find_TheLaunchAsItIs_HasNoDifference()
    {
        using DirectLaunchDigest launch = DirectLaunchDigest.Open(
            new DirectLaunchInputs { Machine = _machine, Kind = SevGuestKind.SevEs, CBitPosition = 51 });
        byte[] digest = launch.Compute();

        LaunchVariant? found = DirectLaunchVariantFinder.Find(launch, candidate => candidate.SequenceEqual(digest));

        Assert.Empty(Assert.IsType<LaunchVariant>(found).Differences);
    }

    /// <summary>Kernels 6.6 to 6.8 set the bit themselves, by a parameter of kvm_amd.</summary>
    [Fact]
    public void Find_TheLaunchOfAKernelThatSwapsDebugRegisters_NamesIt()
    {
        DirectLaunchInputs given = new()
        {
            Machine = _machine,
            Kind = SevGuestKind.SevEs,
            CBitPosition = 47,
            CpuSignature = 0xA00F11,
            InitInterface = SevInitInterface.Legacy,
        };
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(64 << 20, 48, SevMode.Sev, 47));
        LoadedImage image = LoadedImage.Load(_machine.Boot, AcpiTables.Create(_machine), memory);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (LoadedPiece piece in image.Measured)
        {
            hash.AppendData(memory.GetReadOnlySpan(piece.Range.Start, (int)piece.Range.Length));
        }

        foreach (byte[] page in SaveAreas.ForDirectBoot(image.Registers, 2, SevInitInterface.Legacy, 0xA00F11, sevFeatures: 1 << 5))
        {
            hash.AppendData(page);
        }

        byte[] launched = hash.GetHashAndReset();
        using DirectLaunchDigest launch = DirectLaunchDigest.Open(given);

        LaunchVariant? found = DirectLaunchVariantFinder.Find(launch, candidate => candidate.SequenceEqual(launched));

        Assert.Equal(
            ["SEV_FEATURES 0x20 instead of 0x0 (debug_swap, set by host kernels 6.6 to 6.8)"],
            Assert.IsType<LaunchVariant>(found).Differences);
    }

    [Fact]
    public void Find_EveryVariantByItself_IsFound()
    {
        DirectLaunchInputs given = new() { Machine = _machine, Kind = SevGuestKind.Sev, CBitPosition = 51 };
        using DirectLaunchDigest launch = DirectLaunchDigest.Open(given);
        int count = 0;
        foreach ((DirectLaunchInputs inputs, IReadOnlyList<string> differences) in DirectLaunchVariants.List(given))
        {
            // Sizes that this kernel does not fit into are no launches; eight vCPUs stand for the others.
            if (differences.Count != 1 || inputs.Machine.MemoryBytes < 8 << 20 || inputs.Machine.VcpuCount > 8)
            {
                continue;
            }

            using DirectLaunchDigest changed = DirectLaunchDigest.Open(inputs);
            byte[] digest = changed.Compute();
            LaunchVariant? found = DirectLaunchVariantFinder.Find(launch, candidate => candidate.SequenceEqual(digest));
            Assert.Equal(differences, Assert.IsType<LaunchVariant>(found).Differences);
            count++;
        }

        Assert.True(count > 40, $"{count} variants");
    }
}
