using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>The kernel that KVMSEV_TEST_KERNEL names; any distribution's bzImage or vmlinux.</summary>
public sealed class RealKernelTests
{
    private const string Variable = "KVMSEV_TEST_KERNEL";

    [Fact]
    public void Load_RealKernel_PutsItsBytesIntoRam()
    {
        string path = GetKernel();
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(512UL << 20, 40, SevMode.Simulated, 39));
        long before = GC.GetAllocatedBytesForCurrentThread();

        LoadedImage image = LoadedImage.Load(new BootConfig(path, null, "console=ttyS0 panic=-1"), LoadedSample.Tables, memory);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
        Assert.Equal(BootProtocol.Linux64, image.Registers.Protocol);
        Assert.Contains(image.Measured, piece => piece.Name == "kernel" && piece.Range.Contains(image.EntryPoint));

        // What lies at the entry lies in the file, too.
        byte[] code = memory.GetSpan(image.EntryPoint, 256).ToArray();
        Assert.True(code.AsSpan().ContainsAnyExcept((byte)0));
        Assert.True(File.ReadAllBytes(path).AsSpan().IndexOf(code) > 0);
    }

    [Fact]
    public void Load_RealKernelInTooLittleRam_SaysHowMuchItNeeds()
    {
        using KernelImage kernel = KernelImage.Open(GetKernel());
        ulong needed = kernel.Place(GuestLayout.Create(2UL << 30, 40)).End.Value;
        using GuestMemory little = GuestMemory.Create(GuestLayout.Create(needed - 4096, 40));
        using GuestMemory enough = GuestMemory.Create(GuestLayout.Create(needed, 40));

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedImage.Load(kernel, null, "", little));
        LoadedImage image = LoadedImage.Load(kernel, null, "", enough);

        Assert.Contains($"RAM ends at 0x{needed - 4096:x}", e.Message, StringComparison.Ordinal);
        Assert.NotEmpty(image.Measured);
    }

    private static string GetKernel()
    {
        string? path = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(path), $"{Variable} names no kernel");
        return path!;
    }
}
