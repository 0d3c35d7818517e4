namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// Answers "my measurement differs": tries the variants of a launch that are known to happen, and names the one that fits. Variants
/// combine; the one with the fewest differences wins.
/// </summary>
public sealed class LaunchVariantFinder : IDisposable
{
    /// <summary>As many vCPUs are tried.</summary>
    public const int MaximumVcpuCount = 512;

    private readonly LaunchInputs _inputs;
    private readonly Func<ReadOnlySpan<byte>, bool> _isWanted;
    private readonly Dictionary<HashTableVariant, SevLaunchDigest> _sevStarts = [];
    private readonly Dictionary<(HashTableVariant Table, VmsaProfile Profile), byte[]> _snpStarts = [];
    private byte[]? _snpFirmware;
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
    /// <param name="isWanted">The condition; it may be asked some hundred thousand times.</param>
    /// <returns>The variant with the fewest differences; null when none of the known ones fits.</returns>
    /// <exception cref="SevFormatException">The inputs cannot be launched at all.</exception>
    public static LaunchVariant? Find(LaunchInputs inputs, Func<ReadOnlySpan<byte>, bool> isWanted)
    {
        using LaunchVariantFinder finder = new(inputs, isWanted);
        finder.Search();
        return finder._best;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SevLaunchDigest start in _sevStarts.Values)
        {
            start.Dispose();
        }
    }

    private void Search()
    {
        // Without a VMSA the guest is a SEV guest. Fewest differences first, so that the search can end early.
        List<VmsaVariant?> states = [.. VmsaVariants.List(_inputs)];
        if (_inputs.Mode != LaunchMode.Snp)
        {
            states.Insert(0, null);
        }

        List<(HashTableVariant Table, VmsaVariant? State, List<string> Differences)> candidates = [];
        foreach (HashTableVariant table in HashTableVariants.List(_inputs))
        {
            candidates.AddRange(states.Select(state => (table, state, Describe(table, state))));
        }

        foreach ((HashTableVariant table, VmsaVariant? state, List<string> differences) in candidates.OrderBy(one => one.Differences.Count))
        {
            if (_best is not null && differences.Count >= _best.Differences.Count)
            {
                return;
            }

            if (state is null)
            {
                Offer(StartSev(table).GetDigest(), differences, 0, 0);
            }
            else if (_inputs.Mode == LaunchMode.Snp)
            {
                TrySnp(table, state, differences);
            }
            else
            {
                TryEncryptedState(table, state, differences);
            }
        }
    }

    private List<string> Describe(HashTableVariant table, VmsaVariant? state)
    {
        List<string> differences = [.. table.Differences, .. state?.Differences ?? []];
        if (state is null && _inputs.Mode == LaunchMode.SevEs)
        {
            differences.Add("SEV instead of SEV-ES: no VMSA is measured");
        }
        else if (state is not null && _inputs.Mode == LaunchMode.Sev)
        {
            differences.Add("SEV-ES instead of SEV: VMSAs are measured");
        }

        return differences;
    }

    private void TrySnp(HashTableVariant table, VmsaVariant state, List<string> differences)
    {
        SnpLaunchDigest digest = new(StartSnp(table, state.Profile));
        foreach ((int count, byte[] hash) in state.Enumerate(SnpLaunchDigest.HashVmsa))
        {
            digest.Update(SnpPageType.Vmsa, SnpLaunchDigest.VmsaGpa, hash, string.Empty);
            Offer(digest.Digest, differences, count, state.GivenCount);
        }
    }

    private void TryEncryptedState(HashTableVariant table, VmsaVariant state, List<string> differences)
    {
        using SevLaunchDigest digest = StartSev(table).Fork();
        foreach ((int count, byte[] page) in state.Enumerate(page => page.ToArray()))
        {
            digest.UpdateVmsa(page, string.Empty);
            Offer(digest.GetDigest(), differences, count, state.GivenCount);
        }
    }

    private SevLaunchDigest StartSev(HashTableVariant table)
    {
        if (!_sevStarts.TryGetValue(table, out SevLaunchDigest? start))
        {
            start = new SevLaunchDigest();
            _sevStarts[table] = start;
            LaunchDigests.UpdateSev(start, _inputs.Firmware, table.Table);
        }

        return start;
    }

    private byte[] StartSnp(HashTableVariant table, VmsaProfile profile)
    {
        if (!_snpStarts.TryGetValue((table, profile), out byte[]? start))
        {
            _snpFirmware ??= LaunchDigests.GetSnpFirmware(_inputs);
            SnpLaunchDigest digest = new(_snpFirmware);
            LaunchDigests.UpdateSections(digest, _inputs.Firmware, table.Table, profile);
            start = digest.Digest.ToArray();
            _snpStarts[(table, profile)] = start;
        }

        return start;
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
