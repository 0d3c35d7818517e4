using System.Globalization;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The ways in which the launch of a kernel without firmware is known to come out different.</summary>
internal static class DirectLaunchVariants
{
    private const ulong MiB = 1UL << 20;

    // The C-bits of AMD's processors: 47 on Naples and Rome, 51 since Milan. The others are those of simulated hosts.
    private const int FirstCBit = 33;
    private const int LastCBit = 51;
    private const int LastVcpuCount = 64;

    /// <summary>All combinations, the given launch first and each with its differences in words.</summary>
    /// <param name="given">The launch that was expected.</param>
    internal static IEnumerable<(DirectLaunchInputs Inputs, IReadOnlyList<string> Differences)> List(DirectLaunchInputs given)
    {
        // A difference of null is none.
        IEnumerable<(DirectLaunchInputs Inputs, IReadOnlyList<string> Differences)> all = [(given, [])];
        all = Cross(all, inputs => ListCommandLines(inputs.Machine.Boot.CommandLine).Select(change =>
            (WithBoot(inputs, inputs.Machine.Boot with { CommandLine = change.Value }), change.Difference)));
        all = Cross(all, inputs => ListInitrds(inputs.Machine.Boot.InitramfsPath).Select(change =>
            (WithInitrd(inputs, change.Value), change.Difference)));
        all = Cross(all, inputs => ListSecretPages(inputs.Machine.Boot).Select(change =>
            (WithBoot(inputs, inputs.Machine.Boot with { HasSecretPage = change.Value }), change.Difference)));
        all = Cross(all, inputs => ListCBits(inputs.CBitPosition).Select(change =>
            (inputs with { CBitPosition = change.Value }, change.Difference)));
        all = Cross(all, inputs => ListVcpuCounts(inputs.Machine.VcpuCount).Select(change =>
            (inputs with { Machine = inputs.Machine with { VcpuCount = change.Value } }, change.Difference)));
        return Cross(all, inputs => ListMemorySizes(inputs.Machine.MemoryBytes).Select(change =>
            (inputs with { Machine = inputs.Machine with { MemoryBytes = change.Value } }, change.Difference)));
    }

    private static DirectLaunchInputs WithBoot(DirectLaunchInputs inputs, BootConfig boot) =>
        inputs with { Machine = inputs.Machine with { Boot = boot } };

    // A page for a secret is the initrd's last.
    private static DirectLaunchInputs WithInitrd(DirectLaunchInputs inputs, string? path) => WithBoot(
        inputs,
        inputs.Machine.Boot with { InitramfsPath = path, HasSecretPage = path is not null && inputs.Machine.Boot.HasSecretPage });

    private static IEnumerable<(DirectLaunchInputs Inputs, IReadOnlyList<string> Differences)> Cross(
        IEnumerable<(DirectLaunchInputs Inputs, IReadOnlyList<string> Differences)> launches,
        Func<DirectLaunchInputs, IEnumerable<(DirectLaunchInputs Inputs, string? Difference)>> change) =>
        launches.SelectMany(launch => change(launch.Inputs).Select(changed =>
            (changed.Inputs, changed.Difference is null ? launch.Differences : [.. launch.Differences, changed.Difference])));

    private static IEnumerable<(string Value, string? Difference)> ListCommandLines(string given)
    {
        List<(string Value, string? Difference)> lines =
        [
            (given, null),
            (given + "\n", "a newline at the end of the command line"),
            (given + " ", "a space at the end of the command line"),
        ];
        if (given.Length > 0)
        {
            lines.Add((string.Empty, "no command line"));
            lines.Add((given.Trim(), "the command line without the blanks around it"));
        }

        return lines.DistinctBy(static line => line.Value);
    }

    private static IEnumerable<(string? Value, string? Difference)> ListInitrds(string? given) =>
        given is null ? [(null, null)] : [(given, null), (null, "no initrd")];

    private static IEnumerable<(bool Value, string? Difference)> ListSecretPages(BootConfig given) => given.InitramfsPath is null
        ? [(false, null)]
        : [(given.HasSecretPage, null), (!given.HasSecretPage, given.HasSecretPage ? "no --secret-page" : "--secret-page")];

    private static IEnumerable<(int Value, string? Difference)> ListCBits(int given) =>
        Enumerable.Range(FirstCBit, LastCBit - FirstCBit + 1).Where(bit => bit != given)
            .Select(bit => (bit, (string?)string.Create(CultureInfo.InvariantCulture, $"C-bit {bit} instead of {given}")))
            .Prepend((given, null));

    private static IEnumerable<(int Value, string? Difference)> ListVcpuCounts(int given) =>
        Enumerable.Range(1, LastVcpuCount).Where(count => count != given)
            .Select(count => (count, (string?)$"{DescribeCount(count)} instead of {given.ToString(CultureInfo.InvariantCulture)}"))
            .Prepend((given, null));

    private static string DescribeCount(int count) =>
        count == 1 ? "1 vCPU" : string.Create(CultureInfo.InvariantCulture, $"{count} vCPUs");

    private static IEnumerable<(ulong Value, string? Difference)> ListMemorySizes(ulong given)
    {
        ulong[] neighbours = [given - MiB, given + MiB, given / 2, given * 2, ToDecimal(given)];
        ulong[] usual = [.. Enumerable.Range(6, 12).Select(static power => MiB << power), 3072 * MiB, 6144 * MiB];
        return neighbours.Concat(usual).Where(size => size != given && size % 4096 == 0 && size >= MiB).Distinct()
            .Select(size => (size, (string?)$"memory {Describe(size)} instead of {Describe(given)}"))
            .Prepend((given, null));
    }

    // 512M read as 512 million bytes, whole pages of them.
    private static ulong ToDecimal(ulong size) => size / MiB * 1_000_000 / 4096 * 4096;

    private static string Describe(ulong size) => size % MiB == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{size / MiB} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{size} bytes");
}
