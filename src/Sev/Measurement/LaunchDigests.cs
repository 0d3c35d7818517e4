using System.Globalization;
using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>Computes the launch digest of a guest with a firmware image beforehand, as the PSP will.</summary>
/// <remarks>
/// The order is that of QEMU: firmware, hash table, VMSAs; for SEV-SNP firmware, the sections of its metadata in the order of its table,
/// VMSAs. EC2 launches the CPUID page after the other sections; GCE launches SEC_MEM unmeasured.
/// </remarks>
public static class LaunchDigests
{
    private const string FirmwareLabel = "firmware";

    /// <summary>Computes a digest.</summary>
    /// <param name="inputs">What it depends on.</param>
    /// <param name="trace">Where every step is written down; null for nowhere.</param>
    /// <param name="progress">Who hears of progress: bytes for SEV and SEV-ES, pages for SEV-SNP; null for nobody.</param>
    /// <returns>The digest: 32 bytes for SEV and SEV-ES, 48 for SEV-SNP.</returns>
    /// <exception cref="SevFormatException">The firmware does not offer what the launch needs, or an input has a wrong size.</exception>
    public static byte[] Compute(LaunchInputs inputs, ICollection<MeasuredStep>? trace = null, IProgress<long>? progress = null) =>
        inputs.Mode == LaunchMode.Snp ? ComputeSnp(inputs, trace, progress) : ComputeSev(inputs, trace, progress);

    /// <summary>The SEV-SNP digest after the firmware's own pages, which can be kept and continued.</summary>
    /// <param name="firmware">The firmware image.</param>
    /// <param name="trace">Where every page is written down; null for nowhere.</param>
    /// <param name="progress">Who hears of progress, in pages; null for nobody.</param>
    /// <returns>The digest, 48 bytes.</returns>
    /// <exception cref="SevFormatException">The image is not whole pages.</exception>
    public static byte[] ComputeSnpFirmware(
        OvmfFirmware firmware, ICollection<MeasuredStep>? trace = null, IProgress<long>? progress = null)
    {
        SnpLaunchDigest digest = new() { Trace = trace, Progress = progress };
        UpdateFirmware(digest, firmware);
        return digest.Digest.ToArray();
    }

    /// <summary>The VMSAs in the order in which they are launched.</summary>
    /// <param name="inputs">What the digest depends on.</param>
    /// <returns>One page for each vCPU; none for SEV. Pages may be shared.</returns>
    /// <exception cref="SevFormatException">The firmware does not say where further vCPUs start, or an input has a wrong size.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> GetVmsas(LaunchInputs inputs)
    {
        if (inputs.Mode == LaunchMode.Sev)
        {
            return [];
        }

        if (inputs.Vmsas is { } given)
        {
            RequireVcpuCount(given.Count);
            int wrong = given.Select(page => page.Length).FirstOrDefault(length => length != Vmsa.Size, Vmsa.Size);
            return wrong == Vmsa.Size ? given : throw new SevFormatException("VMSA", "size", $"{wrong} bytes instead of {Vmsa.Size}");
        }

        RequireVcpuCount(inputs.VcpuCount);
        ReadOnlyMemory<byte>[] pages = new ReadOnlyMemory<byte>[inputs.VcpuCount];
        pages[0] = MakeVmsa(inputs, VmsaProfiles.ResetVector);
        if (pages.Length > 1)
        {
            Array.Fill(pages, MakeVmsa(inputs, inputs.Firmware.RequireSevEsResetAddress()), 1, pages.Length - 1);
        }

        return pages;
    }

    internal static byte[] MakeVmsa(LaunchInputs inputs, uint startAddress) =>
        VmsaProfiles.Create(inputs.Profile, startAddress, inputs.CpuSignature, inputs.EffectiveSevFeatures).Page.ToArray();

    internal static byte[] GetSnpFirmware(LaunchInputs inputs)
    {
        if (inputs.FirmwareDigest is not { } known)
        {
            return ComputeSnpFirmware(inputs.Firmware);
        }

        return known.Length == SnpLaunchDigest.Size
            ? known.ToArray()
            : throw new SevFormatException("firmware digest", "size", $"{known.Length} bytes instead of {SnpLaunchDigest.Size}");
    }

    internal static void UpdateFirmware(SnpLaunchDigest digest, OvmfFirmware firmware)
    {
        if (firmware.Image.Length % SnpLaunchDigest.PageSize != 0)
        {
            throw new SevFormatException(firmware.Input, "size", $"{firmware.Image.Length} bytes are not whole pages of 4096 bytes");
        }

        digest.UpdateNormalInParallel(firmware.BaseGpa, firmware.Image, FirmwareLabel);
    }

    internal static void UpdateSections(SnpLaunchDigest digest, OvmfFirmware firmware, SevHashTable? table, VmsaProfile profile)
    {
        bool isCpuidLast = profile is VmsaProfile.Ec2 or VmsaProfile.Ec2Early;

        // Made first: a firmware that would ignore the hashes is refused before anything else.
        byte[]? hashPage = table?.ToPage(firmware);
        IReadOnlyList<SnpSection> sections = firmware.RequireSnpSections();
        foreach (SnpSection section in sections.Where(section => !isCpuidLast || section.Type != SnpSectionType.Cpuid))
        {
            if (section.Type == SnpSectionType.KernelHashes && hashPage is not null)
            {
                digest.UpdateNormal(section.Gpa, hashPage, "hash table");
                continue;
            }

            UpdateSection(digest, section, profile);
        }

        foreach (SnpSection section in sections.Where(section => isCpuidLast && section.Type == SnpSectionType.Cpuid))
        {
            UpdateSection(digest, section, profile);
        }
    }

    internal static void UpdateSev(SevLaunchDigest digest, OvmfFirmware firmware, SevHashTable? table)
    {
        if (firmware.Image.Length % SevLaunchDigest.Granularity != 0)
        {
            throw new SevFormatException(
                firmware.Input,
                "size",
                $"{firmware.Image.Length} bytes are no multiple of {SevLaunchDigest.Granularity}");
        }

        // Asked first: a firmware that would ignore the hashes is refused before anything else.
        ulong? gpa = table is null ? null : SevHashTable.GetGpa(firmware);
        digest.UpdateData(firmware.BaseGpa, firmware.Image.Span, FirmwareLabel);
        if (table is not null)
        {
            digest.UpdateData(gpa, table.Bytes, "hash table");
        }
    }

    internal static string LabelVmsa(int vcpu) => string.Create(CultureInfo.InvariantCulture, $"VMSA of vCPU {vcpu}");

    private static void RequireVcpuCount(int count)
    {
        if (count is < 1 or > LaunchInputs.MaximumVcpuCount)
        {
            throw new SevFormatException(
                count.ToString(CultureInfo.InvariantCulture),
                "vCPU count",
                $"it is not between 1 and {LaunchInputs.MaximumVcpuCount}");
        }
    }

    private static void UpdateSection(SnpLaunchDigest digest, SnpSection section, VmsaProfile profile)
    {
        SnpPageType type = section.Type switch
        {
            SnpSectionType.Secrets => SnpPageType.Secrets,
            SnpSectionType.Cpuid => SnpPageType.Cpuid,
            SnpSectionType.SecMem when profile == VmsaProfile.Gce => SnpPageType.Unmeasured,
            _ => SnpPageType.Zero,
        };
        digest.UpdateWithoutContents(type, section.Gpa, section.Size, $"section {section.TypeName}");
    }

    private static byte[] ComputeSnp(LaunchInputs inputs, ICollection<MeasuredStep>? trace, IProgress<long>? progress)
    {
        SnpLaunchDigest digest;
        if (inputs.FirmwareDigest is null)
        {
            digest = new SnpLaunchDigest { Trace = trace, Progress = progress };
            UpdateFirmware(digest, inputs.Firmware);
        }
        else
        {
            digest = new SnpLaunchDigest(GetSnpFirmware(inputs)) { Trace = trace, Progress = progress };
        }

        UpdateSections(digest, inputs.Firmware, inputs.Kernel?.ToTable(), inputs.Profile);
        IReadOnlyList<ReadOnlyMemory<byte>> vmsas = GetVmsas(inputs);
        for (int vcpu = 0; vcpu < vmsas.Count; vcpu++)
        {
            digest.UpdateVmsa(vmsas[vcpu].Span, LabelVmsa(vcpu));
        }

        return digest.Digest.ToArray();
    }

    private static byte[] ComputeSev(LaunchInputs inputs, ICollection<MeasuredStep>? trace, IProgress<long>? progress)
    {
        using SevLaunchDigest digest = new() { Trace = trace, Progress = progress };
        UpdateSev(digest, inputs.Firmware, inputs.Kernel?.ToTable());
        IReadOnlyList<ReadOnlyMemory<byte>> vmsas = GetVmsas(inputs);
        for (int vcpu = 0; vcpu < vmsas.Count; vcpu++)
        {
            digest.UpdateVmsa(vmsas[vcpu].Span, LabelVmsa(vcpu));
        }

        return digest.GetDigest();
    }
}
