using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Boot;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// Answers "my measurement differs" for a kernel without firmware: tries the variants of the launch that are known to happen, and names the
/// one that fits. Variants combine; the one with the fewest differences wins.
/// </summary>
public sealed class DirectLaunchVariantFinder : IDisposable
{
    // Three mistakes at once would explain anything.
    private const int MaximumDifferences = 2;

    private readonly DirectLaunchDigest _launch;
    private readonly Func<ReadOnlySpan<byte>, bool> _isWanted;
    private readonly IReadOnlyList<SaveAreaVariant> _saveAreas;
    private readonly Dictionary<bool, SevLaunchDigest> _starts = [];

    private DirectLaunchVariantFinder(DirectLaunchDigest launch, Func<ReadOnlySpan<byte>, bool> isWanted)
    {
        _launch = launch;
        _isWanted = isWanted;
        _saveAreas = SaveAreaVariant.List(launch.Inputs);
    }

    /// <summary>Looks for the launch whose digest satisfies a condition.</summary>
    /// <param name="launch">The launch that was expected to.</param>
    /// <param name="isWanted">The condition.</param>
    /// <returns>The variant with the fewest differences; null when none of the known ones fits.</returns>
    /// <exception cref="InvalidInputException">The launch that was expected cannot be at all.</exception>
    public static LaunchVariant? Find(DirectLaunchDigest launch, Func<ReadOnlySpan<byte>, bool> isWanted)
    {
        using DirectLaunchVariantFinder finder = new(launch, isWanted);
        return finder.Search();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SevLaunchDigest start in _starts.Values)
        {
            start.Dispose();
        }
    }

    private LaunchVariant? Search()
    {
        for (int total = 0; total <= MaximumDifferences; total++)
        {
            foreach ((DirectLaunchInputs inputs, IReadOnlyList<string> differences) in DirectLaunchVariants.List(_launch.Inputs))
            {
                if (differences.Count <= total && Try(inputs, differences, total - differences.Count) is { } found)
                {
                    return found;
                }
            }
        }

        return null;
    }

    private LaunchVariant? Try(DirectLaunchInputs inputs, IReadOnlyList<string> differences, int furtherDifferences)
    {
        bool withInitrd = inputs.Machine.Boot.InitramfsPath is not null;
        if (!_starts.TryGetValue(withInitrd, out SevLaunchDigest? start))
        {
            start = _launch.StartWithFiles(withInitrd);
            _starts.Add(withInitrd, start);
        }

        try
        {
            using SevLaunchDigest data = _launch.Continue(start, inputs, out BootRegisters registers);
            return TrySaveAreas(data, registers, inputs.Machine.VcpuCount, differences, furtherDifferences);
        }
        catch (Exception error) when (differences.Count > 0 && error is InvalidInputException or HostLacksException)
        {
            // No such machine: nobody can have launched it, or not on a computer like this one.
            return null;
        }
    }

    private LaunchVariant? TrySaveAreas(
        SevLaunchDigest data, BootRegisters registers, int vcpuCount, IReadOnlyList<string> differences, int furtherDifferences)
    {
        foreach (SaveAreaVariant variant in _saveAreas.Where(variant => variant.Differences.Count == furtherDifferences))
        {
            using SevLaunchDigest digest = data.Fork();
            if (variant.Init is SevInitInterface init)
            {
                foreach (byte[] page in SaveAreas.ForDirectBoot(
                    registers, vcpuCount, init, variant.CpuSignature, variant.SevFeatures))
                {
                    digest.UpdateVmsa(page, string.Empty);
                }
            }

            byte[] value = digest.GetDigest();
            if (_isWanted(value))
            {
                return new LaunchVariant([.. differences, .. variant.Differences], vcpuCount, value);
            }
        }

        return null;
    }
}
