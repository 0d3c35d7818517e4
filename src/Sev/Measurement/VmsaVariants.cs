namespace KvmSevVmm.Sev.Measurement;

/// <summary>The ways in which VMSAs are known to come out different.</summary>
internal static class VmsaVariants
{
    // SEV_FEATURES bit 9: the guest has a time-stamp counter of its own.
    private const ulong SecureTsc = 1 << 9;

    /// <summary>All of them, the given one first; the processor model is varied only where it shows.</summary>
    internal static IReadOnlyList<VmsaVariant> List(LaunchInputs inputs)
    {
        LaunchInputs state = inputs.Mode == LaunchMode.Sev ? inputs with { Mode = LaunchMode.SevEs } : inputs;
        if (inputs.Vmsas is not null)
        {
            IReadOnlyList<ReadOnlyMemory<byte>> given = LaunchDigests.GetVmsas(state);
            return [new VmsaVariant(inputs.Profile, given[0], [.. given.Skip(1)], given.Count, [])];
        }

        List<VmsaVariant> variants = [];
        foreach (VmsaProfile profile in List(inputs.Profile, Enum.GetValues<VmsaProfile>()))
        {
            IEnumerable<uint> signatures = VmsaProfiles.HasCpuSignature(profile)
                ? List(inputs.CpuSignature, CpuModels.All.Select(model => model.Signature))
                : [inputs.CpuSignature];
            foreach (uint signature in signatures)
            {
                foreach (ulong features in List(state.EffectiveSevFeatures, GetFeatures(state.Mode)))
                {
                    LaunchInputs changed = state with { Profile = profile, CpuSignature = signature, SevFeatures = features };
                    variants.Add(Make(changed, Describe(state, changed)));
                }
            }
        }

        return variants;
    }

    private static IEnumerable<T> List<T>(T given, IEnumerable<T> others) => others.Prepend(given).Distinct();

    private static ulong[] GetFeatures(LaunchMode mode)
    {
        ulong basis = mode == LaunchMode.Snp ? VmsaProfiles.SnpActive : 0;
        return mode == LaunchMode.Snp
            ? [basis, basis | VmsaProfiles.DebugSwap, basis | SecureTsc, basis | VmsaProfiles.DebugSwap | SecureTsc]
            : [basis, basis | VmsaProfiles.DebugSwap];
    }

    private static VmsaVariant Make(LaunchInputs inputs, IReadOnlyList<string> differences)
    {
        IReadOnlyList<ReadOnlyMemory<byte>> further = inputs.Firmware.SevEsResetAddress is { } address
            ? [LaunchDigests.MakeVmsa(inputs, address)]
            : [];
        return new VmsaVariant(
            inputs.Profile,
            LaunchDigests.MakeVmsa(inputs, VmsaProfiles.ResetVector),
            further,
            inputs.VcpuCount,
            differences);
    }

    private static List<string> Describe(LaunchInputs given, LaunchInputs changed)
    {
        List<string> differences = [];
        if (changed.Profile != given.Profile)
        {
            differences.Add($"VMSA as {VmsaProfiles.Describe(changed.Profile)} instead of {VmsaProfiles.Describe(given.Profile)}");
        }

        if (changed.CpuSignature != given.CpuSignature)
        {
            differences.Add($"processor {CpuModels.Describe(changed.CpuSignature)} instead of {CpuModels.Describe(given.CpuSignature)}");
        }

        if (changed.EffectiveSevFeatures != given.EffectiveSevFeatures)
        {
            string hint = ((changed.EffectiveSevFeatures ^ given.EffectiveSevFeatures) & VmsaProfiles.DebugSwap) != 0
                ? " (debug_swap, set by host kernels 6.6 to 6.8)"
                : string.Empty;
            differences.Add($"SEV_FEATURES 0x{changed.EffectiveSevFeatures:x} instead of 0x{given.EffectiveSevFeatures:x}{hint}");
        }

        return differences;
    }
}
