using System.Security.Cryptography;
using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// Answers "my measurement differs": tries the variants of a launch that are known to happen, and names the one that fits. Variants
/// combine; the one with the fewest differences wins.
/// </summary>
public sealed class LaunchVariantFinder
{
    /// <summary>As many vCPUs are tried.</summary>
    public const int MaximumVcpuCount = 512;

    private readonly LaunchInputs _inputs;
    private readonly Func<ReadOnlySpan<byte>, bool> _isWanted;
    private LaunchVariant? _best;

    private LaunchVariantFinder(LaunchInputs inputs, Func<ReadOnlySpan<byte>, bool> isWanted)
    {
        _inputs = inputs;
        _isWanted = isWanted;
    }

    /// <summary>Looks for the launch that gives a digest.</summary>
    /// <param name="inputs">The launch that was expected to give it.</param>
    /// <param name="digest">The digest: 32 bytes for SEV and SEV-ES, 48 for SEV-SNP.</param>
    /// <returns>The variant with the fewest differences; null when none of the known ones fits.</returns>
    /// <exception cref="SevFormatException">The inputs cannot be launched at all.</exception>
    public static LaunchVariant? Find(LaunchInputs inputs, ReadOnlyMemory<byte> digest) =>
        Find(inputs, candidate => candidate.SequenceEqual(digest.Span));

    /// <summary>Looks for the launch whose digest satisfies a condition, such as giving the right measurement with a TIK.</summary>
    /// <param name="inputs">The launch that was expected to.</param>
    /// <param name="isWanted">The condition; it is asked some hundred thousand times.</param>
    /// <returns>The variant with the fewest differences; null when none of the known ones fits.</returns>
    /// <exception cref="SevFormatException">The inputs cannot be launched at all.</exception>
    public static LaunchVariant? Find(LaunchInputs inputs, Func<ReadOnlySpan<byte>, bool> isWanted)
    {
        LaunchVariantFinder finder = new(inputs, isWanted);
        if (inputs.Mode == LaunchMode.Snp)
        {
            finder.SearchSnp();
        }
        else
        {
            finder.SearchSev();
        }

        return finder._best;
    }

    private void SearchSnp()
    {
        byte[] firmware = _inputs.FirmwareDigest?.ToArray() ?? LaunchDigests.ComputeSnpFirmware(_inputs.Firmware);
        if (firmware.Length != SnpLaunchDigest.Size)
        {
            throw new SevFormatException("firmware digest", "size", $"{firmware.Length} bytes instead of {SnpLaunchDigest.Size}");
        }

        foreach (HashTableVariant table in HashTableVariants.List(_inputs))
        {
            foreach (IGrouping<VmsaProfile, VmsaVariant> group in VmsaVariants.List(_inputs).GroupBy(variant => variant.Profile))
            {
                SnpLaunchDigest sections = new(firmware);
                LaunchDigests.UpdateSections(sections, _inputs.Firmware, table.Table, group.Key);
                foreach (VmsaVariant variant in group)
                {
                    SearchVcpuCounts(sections.Digest, [.. table.Differences, .. variant.Differences], variant);
                }
            }
        }
    }

    private void SearchVcpuCounts(ReadOnlySpan<byte> start, List<string> differences, VmsaVariant variant)
    {
        SnpLaunchDigest digest = new(start);
        foreach ((int count, byte[] hash) in variant.Enumerate(SnpLaunchDigest.HashVmsa))
        {
            digest.Update(SnpPageType.Vmsa, SnpLaunchDigest.VmsaGpa, hash, string.Empty);
            Offer(digest.Digest, differences, count, variant.GivenCount);
        }
    }

    private void SearchSev()
    {
        foreach (HashTableVariant table in HashTableVariants.List(_inputs))
        {
            using SevLaunchDigest plain = new();
            LaunchDigests.UpdateSev(plain, _inputs.Firmware, table.Table);
            List<string> differences = [.. table.Differences];
            if (_inputs.Mode != LaunchMode.Sev)
            {
                differences.Add("SEV instead of SEV-ES: no VMSA is measured");
            }

            Offer(plain.GetDigest(), differences, 0, 0);
            foreach (VmsaVariant variant in VmsaVariants.List(_inputs))
            {
                SearchEncryptedState(plain, table, variant);
            }
        }
    }

    private void SearchEncryptedState(SevLaunchDigest start, HashTableVariant table, VmsaVariant variant)
    {
        List<string> differences = [.. table.Differences, .. variant.Differences];
        if (_inputs.Mode == LaunchMode.Sev)
        {
            differences.Add("SEV-ES instead of SEV: VMSAs are measured");
        }

        using SevLaunchDigest digest = start.Fork();
        foreach ((int count, byte[] page) in variant.Enumerate(page => page.ToArray()))
        {
            digest.UpdateVmsa(page, string.Empty);
            Offer(digest.GetDigest(), differences, count, variant.GivenCount);
        }
    }

    private void Offer(ReadOnlySpan<byte> digest, List<string> differences, int count, int givenCount)
    {
        if (!_isWanted(digest))
        {
            return;
        }

        List<string> all = [.. differences];
        if (count != givenCount)
        {
            all.Add($"{count} vCPUs instead of {givenCount}");
        }

        if (_best is null || all.Count < _best.Differences.Count)
        {
            _best = new LaunchVariant(all, count, digest.ToArray());
        }
    }
}
