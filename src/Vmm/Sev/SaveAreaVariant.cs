using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>One way in which the save areas of a guest may have been made, or none.</summary>
/// <param name="Init">How the guest is made; null for a guest whose save areas are not measured.</param>
/// <param name="CpuSignature">Leaf 1 EAX of the guest's CPUID.</param>
/// <param name="SevFeatures">SEV_FEATURES of the guest.</param>
/// <param name="Differences">In what it differs from the given launch, in words.</param>
internal sealed record SaveAreaVariant(SevInitInterface? Init, uint CpuSignature, ulong SevFeatures, IReadOnlyList<string> Differences)
{
    private const string SwapsDebugRegisters = "SEV_FEATURES 0x20 instead of 0x0 (debug_swap, set by host kernels 6.6 to 6.8)";

    /// <summary>All of them, the given one first.</summary>
    /// <param name="given">The launch that was expected.</param>
    internal static IReadOnlyList<SaveAreaVariant> List(DirectLaunchInputs given)
    {
        bool isEs = given.Kind == SevGuestKind.SevEs;
        SaveAreaVariant none = new(null, 0, 0, isEs ? ["SEV instead of SEV-ES: no save area is measured"] : []);
        List<SaveAreaVariant> variants = [];
        foreach (SevInitInterface init in (SevInitInterface[])[SevInitInterface.Init2, SevInitInterface.Legacy])
        {
            foreach (uint signature in CpuModels.All.Select(static model => model.Signature).Prepend(given.CpuSignature).Distinct())
            {
                List<string> differences = Describe(given, init, signature, isEs);
                variants.Add(new SaveAreaVariant(init, signature, 0, differences));
                if (init == SevInitInterface.Legacy)
                {
                    // Of KVM_SEV_INIT2 user space chooses the features, and this monitor chooses none.
                    variants.Add(new SaveAreaVariant(init, signature, VmsaProfiles.DebugSwap, [.. differences, SwapsDebugRegisters]));
                }
            }
        }

        return [.. variants.Prepend(none).OrderBy(static variant => variant.Differences.Count)];
    }

    private static List<string> Describe(DirectLaunchInputs given, SevInitInterface init, uint signature, bool isEs)
    {
        List<string> differences = [];
        if (!isEs)
        {
            differences.Add("SEV-ES instead of SEV: save areas are measured");
        }

        if (init != given.InitInterface)
        {
            differences.Add(init == SevInitInterface.Legacy
                ? "KVM_SEV_ES_INIT (legacy-vm-type=on, or a host kernel before 6.10) instead of KVM_SEV_INIT2"
                : "KVM_SEV_INIT2 (legacy-vm-type=off, a host kernel from 6.10 on) instead of KVM_SEV_ES_INIT");
        }

        if (signature != given.CpuSignature)
        {
            differences.Add($"processor {CpuModels.Describe(signature)} instead of {CpuModels.Describe(given.CpuSignature)}");
        }

        return differences;
    }
}
