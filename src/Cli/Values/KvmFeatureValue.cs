using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads names of KVM's paravirtual features, CPUID leaf 0x40000001 EAX.</summary>
internal static class KvmFeatureValue
{
    /// <summary>Name and bit: KVM_FEATURE_… of the kernel header asm/kvm_para.h in lower case with dashes.</summary>
    internal static readonly IReadOnlyList<(string Name, int Bit)> Features =
    [
        ("clocksource", 0),
        ("nop-io-delay", 1),
        ("mmu-op", 2),
        ("clocksource2", 3),
        ("async-pf", 4),
        ("steal-time", 5),
        ("pv-eoi", 6),
        ("pv-unhalt", 7),
        ("pv-tlb-flush", 9),
        ("async-pf-vmexit", 10),
        ("pv-send-ipi", 11),
        ("poll-control", 12),
        ("pv-sched-yield", 13),
        ("async-pf-int", 14),
        ("msi-ext-dest-id", 15),
        ("hc-map-gpa-range", 16),
        ("migration-control", 17),
        ("clocksource-stable-bit", 24),
    ];

    /// <summary>Reads a list.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">Names, separated by commas.</param>
    /// <returns>The bits of EAX.</returns>
    /// <exception cref="UsageException">A name is unknown; with a suggestion.</exception>
    internal static uint Parse(string option, string text)
    {
        uint mask = 0;
        (string, int)[] choices = [.. Features];
        foreach (string name in text.Split(','))
        {
            mask |= 1U << ChoiceValue.Parse(option, name, choices);
        }

        return mask;
    }

    /// <summary>The names of the bits that are set.</summary>
    /// <param name="mask">Bits of EAX, each of them named in <see cref="Features"/>.</param>
    internal static IReadOnlyList<string> NamesOf(uint mask) =>
        [.. Features.Where(feature => (mask & (1U << feature.Bit)) != 0).Select(feature => feature.Name)];
}
