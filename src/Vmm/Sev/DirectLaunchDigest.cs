using System.Globalization;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// Computes the launch digest of a kernel without firmware beforehand, without KVM: loads it as <see cref="VirtualMachineBuilder"/> does
/// and hashes as <see cref="SevLaunch"/> and the firmware do. Holds the files open.
/// </summary>
public sealed class DirectLaunchDigest : IDisposable
{
    // The width of the guest's addresses only bounds its RAM, and no host is narrower than its guest is large.
    private const int WidestAddressBits = 52;

    // A span has at most 2 GiB.
    private const ulong LargestPart = 1UL << 30;

    private readonly KernelImage _kernel;
    private readonly ImageSource? _initrd;

    private DirectLaunchDigest(DirectLaunchInputs inputs, KernelImage kernel, ImageSource? initrd)
    {
        Inputs = inputs;
        _kernel = kernel;
        _initrd = initrd;
    }

    /// <summary>What the digest depends on.</summary>
    public DirectLaunchInputs Inputs { get; }

    /// <summary>Opens the files and reads the kernel's headers.</summary>
    /// <param name="inputs">What the digest depends on.</param>
    /// <exception cref="InvalidInputException">A file is none that can be booted; names the field.</exception>
    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static DirectLaunchDigest Open(DirectLaunchInputs inputs)
    {
        KernelImage kernel = KernelImage.Open(
            inputs.Machine.Boot.KernelPath ?? throw new ArgumentException("There is no kernel.", nameof(inputs)));
        try
        {
            return new DirectLaunchDigest(
                inputs, kernel, inputs.Machine.Boot.InitramfsPath is string initramfs ? ImageSource.Open(initramfs) : null);
        }
        catch
        {
            kernel.Dispose();
            throw;
        }
    }

    /// <summary>Computes the digest.</summary>
    /// <param name="trace">Where every piece is written down; null for nowhere.</param>
    /// <param name="progress">Who hears of progress, in bytes hashed; null for nobody.</param>
    /// <returns>The digest, 32 bytes.</returns>
    /// <exception cref="InvalidInputException">A file or a value does not fit this machine; names the field.</exception>
    public byte[] Compute(ICollection<MeasuredStep>? trace = null, IProgress<long>? progress = null)
    {
        using GuestMemory memory = MapMemory(Inputs);
        LoadedImage image = LoadedImage.Load(
            _kernel,
            _initrd,
            Inputs.Machine.Boot.CommandLine,
            memory,
            AcpiTables.Create(Inputs.Machine),
            Inputs.Machine.Boot.HasSecretPage);
        using SevLaunchDigest digest = new() { Trace = trace, Progress = progress };
        Update(digest, memory, image.Measured);
        if (Inputs.Kind == SevGuestKind.SevEs)
        {
            IReadOnlyList<byte[]> saveAreas =
                SaveAreas.ForDirectBoot(image.Registers, Inputs.Machine.VcpuCount, Inputs.InitInterface, Inputs.CpuSignature);
            for (int vcpu = 0; vcpu < saveAreas.Count; vcpu++)
            {
                digest.UpdateVmsa(saveAreas[vcpu], string.Create(CultureInfo.InvariantCulture, $"VMSA of vCPU {vcpu}"));
            }
        }

        return digest.GetDigest();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _initrd?.Dispose();
        _kernel.Dispose();
    }

    /// <summary>The digest after kernel and initrd, whose contents depend on nothing but the files.</summary>
    /// <param name="withInitrd">Whether the initrd is loaded.</param>
    /// <returns>The digest; goes on with <see cref="Continue"/>.</returns>
    internal SevLaunchDigest StartWithFiles(bool withInitrd)
    {
        SevLaunchDigest digest = new();
        using GuestMemory memory = MapMemory(Inputs);
        LoadedImage image = LoadedImage.Load(_kernel, withInitrd ? _initrd : null, string.Empty, memory);
        Update(digest, memory, image.Measured.TakeWhile(piece => piece.Name is LoadedPiece.Kernel or LoadedPiece.Initrd));
        return digest;
    }

    /// <summary>Goes on from kernel and initrd for a launch that differs in anything else.</summary>
    /// <param name="start">What <see cref="StartWithFiles"/> gave for the same files; left as it is.</param>
    /// <param name="changed">The launch; the files are not looked at.</param>
    /// <param name="registers">What the first vCPU starts with.</param>
    /// <returns>The digest, which is complete but for save areas.</returns>
    /// <exception cref="InvalidInputException">There can be no such launch: too little memory, for instance.</exception>
    internal SevLaunchDigest Continue(SevLaunchDigest start, DirectLaunchInputs changed, out BootRegisters registers)
    {
        using GuestMemory memory = MapMemory(changed);
        LoadedImage image = LoadedImage.LoadWithoutFiles(
            _kernel,
            changed.Machine.Boot.InitramfsPath is null ? null : _initrd,
            changed.Machine.Boot.CommandLine,
            memory,
            AcpiTables.Create(changed.Machine),
            changed.Machine.Boot.HasSecretPage);
        registers = image.Registers;
        SevLaunchDigest digest = start.Fork();
        Update(digest, memory, image.Measured);
        return digest;
    }

    private static GuestMemory MapMemory(DirectLaunchInputs inputs) =>
        GuestMemory.Create(GuestLayout.Create(inputs.Machine.MemoryBytes, WidestAddressBits, SevMode.Sev, inputs.CBitPosition));

    private static void Update(SevLaunchDigest digest, GuestMemory memory, IEnumerable<LoadedPiece> pieces)
    {
        foreach (LoadedPiece piece in pieces)
        {
            for (ulong done = 0; done < piece.Range.Length; done += LargestPart)
            {
                Gpa start = piece.Range.Start + done;
                int length = (int)Math.Min(LargestPart, piece.Range.Length - done);
                digest.UpdateData(start.Value, memory.GetReadOnlySpan(start, length), piece.Name);
            }
        }
    }
}
