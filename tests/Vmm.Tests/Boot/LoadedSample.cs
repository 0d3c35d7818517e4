using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>A kernel loaded into guarded memory that was full of canary bytes; disposing it checks the guards.</summary>
internal sealed class LoadedSample : IDisposable
{
    private LoadedSample(LoadedImage image, GuardedMemory guarded)
    {
        Image = image;
        Guarded = guarded;
    }

    /// <summary>The ACPI tables of a machine with one processor and no devices.</summary>
    internal static AcpiTables Tables { get; } = AcpiTables.Create(1, []);

    internal LoadedImage Image { get; }

    internal GuardedMemory Guarded { get; }

    public void Dispose()
    {
        Assert.True(Guarded.IsIntact);
        Guarded.Dispose();
    }

    internal static LoadedSample Load(
        byte[] kernel, ulong memoryBytes, byte[]? initrd = null, string commandLine = "", int? cBit = null, bool hasSecretPage = false)
    {
        GuestLayout layout = GuestLayout.Create(memoryBytes, 40, cBit is null ? SevMode.None : SevMode.Simulated, cBit);
        GuardedMemory guarded = new(layout);
        try
        {
            guarded.FillRam();
            return new LoadedSample(Load(kernel, guarded.Memory, initrd, commandLine, hasSecretPage), guarded);
        }
        catch
        {
            guarded.Dispose();
            throw;
        }
    }

    internal static LoadedImage Load(
        byte[] kernel, GuestMemory memory, byte[]? initrd = null, string commandLine = "", bool hasSecretPage = false)
    {
        using KernelImage image = KernelImage.Parse(ImageSource.FromMemory("vmlinuz", kernel));
        using ImageSource? disk = initrd is null ? null : ImageSource.FromMemory("initrd.img", initrd);
        return LoadedImage.Load(image, disk, commandLine, memory, hasSecretPage: hasSecretPage);
    }

    internal byte[] Read(ulong gpa, int length) => Guarded.Memory.GetReadOnlySpan(new Gpa(gpa), length).ToArray();

    internal GpaRange Piece(string name) => Assert.Single(Image.Measured, piece => piece.Name == name).Range;
}
