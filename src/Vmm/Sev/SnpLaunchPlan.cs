using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>Which pages a SEV-SNP launch adds: the image, then the sections of its metadata in table order, as QEMU does.</summary>
/// <remarks>The launch digest depends on this order; <see cref="KvmSevVmm.Sev.Measurement.LaunchDigests"/> foretells it.</remarks>
internal static class SnpLaunchPlan
{
    /// <summary>Makes the plan, and checks that this machine has the pages.</summary>
    /// <param name="firmware">The guest's firmware.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <exception cref="SevFormatException">The image has no metadata, or would ignore the hashes.</exception>
    /// <exception cref="InvalidInputException">A section does not lie in the guest's RAM.</exception>
    internal static IReadOnlyList<SnpLaunchPiece> Create(GuestFirmware firmware, GuestMemory memory)
    {
        // Asked first: an image that would ignore the hashes is refused.
        _ = firmware.Hashes?.ToPage(firmware.Image);
        List<SnpLaunchPiece> pieces = [new SnpLaunchPiece("firmware", firmware.Range, SnpLaunchPageType.Normal)];
        foreach (SnpSection section in firmware.Image.RequireSnpSections())
        {
            GpaRange range = new(new Gpa(section.Gpa), section.Size);
            if (!memory.Contains(range))
            {
                throw new InvalidInputException(
                    firmware.Image.Input,
                    "SEV metadata",
                    $"{section.TypeName} at {range} is not in the guest's RAM; give it more with --memory");
            }

            pieces.Add(new SnpLaunchPiece(section.TypeName, range, TypeOf(section.Type, firmware.Hashes is not null)));
        }

        return pieces;
    }

    private static SnpLaunchPageType TypeOf(SnpSectionType type, bool hasHashes) => type switch
    {
        SnpSectionType.Secrets => SnpLaunchPageType.Secrets,
        SnpSectionType.Cpuid => SnpLaunchPageType.Cpuid,
        SnpSectionType.KernelHashes when hasHashes => SnpLaunchPageType.Normal,
        _ => SnpLaunchPageType.Zero,
    };
}
