using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>Firmware that a guest starts with, and the hashes of what it is handed; checked before the host is touched.</summary>
/// <param name="Image">The image as the guest sees it, and what its table says.</param>
/// <param name="Hashes">The hash table for the firmware's hash area; null for a launch without one.</param>
public sealed record GuestFirmware(OvmfFirmware Image, SevHashTable? Hashes)
{
    /// <summary>LAUNCH_UPDATE_DATA takes multiples of this at multiples of this.</summary>
    private const uint LaunchAlignment = 16;

    /// <summary>Bytes of the image: whole pages.</summary>
    public ulong Length => (ulong)Image.Image.Length;

    /// <summary>Where the image lies: it ends at 4 GiB.</summary>
    public GpaRange Range => new(new Gpa(Image.BaseGpa), Length);

    /// <summary>Where the image wants a launch secret; empty for nowhere.</summary>
    public GpaRange SecretArea => Image.SecretArea is OvmfArea area ? new GpaRange(new Gpa(area.Base), area.Size) : default;

    /// <summary>Reads the image, and hashes kernel, initrd and command line where that is wanted.</summary>
    /// <param name="boot">What to boot; <see cref="BootConfig.FirmwarePath"/> is set.</param>
    /// <param name="withHashes">Whether the launch measures a hash table.</param>
    /// <exception cref="SevFormatException">The image is malformed, or would ignore the hashes.</exception>
    /// <exception cref="InvalidInputException">The image's size cannot be a guest's.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static GuestFirmware Read(BootConfig boot, bool withHashes)
    {
        string path = boot.FirmwarePath ?? throw new ArgumentException("There is no firmware.", nameof(boot));
        using (ImageSource source = ImageSource.Open(path))
        {
            CheckSize(source);
        }

        OvmfFirmware image = OvmfFirmware.Read(path);
        if (!withHashes)
        {
            return new GuestFirmware(image, null);
        }

        string kernel = boot.KernelPath ?? throw new ArgumentException("There is no kernel to hash.", nameof(boot));
        OvmfArea area = image.RequireHashArea();
        if (area.Base % LaunchAlignment != 0)
        {
            throw new SevFormatException(image.Input, "SEV hash area", $"0x{area.Base:x} is not a multiple of {LaunchAlignment}");
        }

        return new GuestFirmware(image, KernelHashes.Compute(kernel, boot.InitramfsPath, boot.CommandLine).ToTable());
    }

    /// <summary>Copies the image to its place, and for SEV and SEV-ES the hash table to its area.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <returns>What a launch of SEV or SEV-ES measures, in its order.</returns>
    /// <exception cref="InvalidInputException">The hash area does not lie in the guest's RAM.</exception>
    internal IReadOnlyList<LoadedPiece> Load(GuestMemory memory)
    {
        memory.Write(Range.Start, Image.Image.Span);
        List<LoadedPiece> pieces = [new LoadedPiece("firmware", Range)];
        if (Hashes is not null)
        {
            GpaRange area = new(new Gpa(SevHashTable.GetGpa(Image)), SevHashTable.PaddedSize);
            if (!memory.TryWrite(area.Start, Hashes.Bytes))
            {
                throw new InvalidInputException(
                    Image.Input, "SEV hash area", $"{area} is not in the guest's RAM; give it more with --memory");
            }

            pieces.Add(new LoadedPiece("hash table", area));
        }

        return pieces;
    }

    /// <summary>Where a vCPU starts.</summary>
    /// <param name="vcpuIndex">The vCPU; the first starts at the reset vector, the others where the image says.</param>
    /// <exception cref="SevFormatException">The image does not say.</exception>
    internal uint GetStartAddress(int vcpuIndex) => vcpuIndex == 0 ? VmsaProfiles.ResetVector : Image.RequireSevEsResetAddress();

    private static void CheckSize(ImageSource source)
    {
        if (source.Length is 0 or > GuestLayout.MaximumFirmwareBytes || !GuestPage.IsAligned(source.Length))
        {
            throw new InvalidInputException(
                source.Name,
                "size",
                $"{source.Length} bytes; firmware is whole pages of 4096 bytes, {GuestLayout.MaximumFirmwareBytes >> 20} MiB at most");
        }
    }
}
