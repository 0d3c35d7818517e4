using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>The words for the monitors whose launches are known.</summary>
internal static class VmmValue
{
    private static readonly (string Word, VmsaProfile Meaning)[] Words =
    [
        ("qemu", VmsaProfile.QemuInit2),
        ("qemu-legacy", VmsaProfile.QemuLegacyInit),
        ("ec2", VmsaProfile.Ec2),
        ("ec2-early", VmsaProfile.Ec2Early),
        ("gce", VmsaProfile.Gce),
    ];

    /// <summary>Reads a word.</summary>
    /// <param name="text">What the user wrote, in any case: sev-snp-measure has <c>QEMU</c>.</param>
    /// <exception cref="Parsing.UsageException">There is no such monitor.</exception>
    internal static VmsaProfile Parse(string text) => ChoiceValue.Parse("--vmm", text.ToLowerInvariant(), Words);

    /// <summary>The word for a profile.</summary>
    /// <param name="profile">The profile.</param>
    internal static string WordFor(VmsaProfile profile) => Words.First(pair => pair.Meaning == profile).Word;

    /// <summary>Whether the monitor's registers depend on the processor's model.</summary>
    /// <param name="profile">The profile.</param>
    internal static bool ShowsCpuSignature(VmsaProfile profile) => profile is VmsaProfile.QemuInit2 or VmsaProfile.QemuLegacyInit;
}
