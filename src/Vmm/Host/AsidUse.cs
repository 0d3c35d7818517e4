using System.Globalization;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Host;

/// <summary>How many ASIDs there are and how many are taken, as far as the processor and the control groups tell.</summary>
internal static class AsidUse
{
    private const uint MemoryEncryptionLeaf = 0x8000_001F;
    private static readonly string[] Kinds = ["sev", "sev_es"];

    /// <summary>What is known, in words; an empty list where nothing is.</summary>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="paths">Where the host shows what it has.</param>
    internal static IEnumerable<string> Describe(ReadOnlySpan<KvmCpuidEntry2> supported, HostPaths paths)
    {
        List<string> words = [];
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == MemoryEncryptionLeaf && entry.Ecx != 0)
            {
                string encryptedState = entry.Edx > 1
                    ? string.Create(CultureInfo.InvariantCulture, $"1-{entry.Edx - 1} SEV-ES and SEV-SNP")
                    : "none for SEV-ES and SEV-SNP";
                string memoryOnly = entry.Edx <= entry.Ecx
                    ? string.Create(CultureInfo.InvariantCulture, $"{entry.Edx}-{entry.Ecx} SEV")
                    : "none for SEV";
                words.Add($"{encryptedState}, {memoryOnly}");
            }
        }

        Dictionary<string, string> capacity = ReadMisc(Path.Combine(paths.ControlGroups, "misc.capacity"));
        Dictionary<string, string> current = ReadMisc(Path.Combine(paths.ControlGroups, "misc.current"));
        Dictionary<string, string> limit = ReadMisc(Path.Combine(OwnGroup(paths), "misc.max"));
        foreach (string kind in Kinds)
        {
            if (capacity.TryGetValue(kind, out string? all))
            {
                string used = current.TryGetValue(kind, out string? taken) ? $"{taken} of {all} in use" : $"{all} in all";
                string own = limit.TryGetValue(kind, out string? most) && most != "max"
                    ? $", this control group may have {most}"
                    : string.Empty;
                words.Add($"{kind}: {used}{own}");
            }
        }

        return words;
    }

    /// <summary>The folder of this process's control group; the root where /proc does not tell.</summary>
    private static string OwnGroup(HostPaths paths)
    {
        const string Unified = "0::/";
        string? line = ReadLines(Path.Combine(paths.Process, "cgroup"))
            .FirstOrDefault(static line => line.StartsWith(Unified, StringComparison.Ordinal));
        return line is null ? paths.ControlGroups : Path.Combine(paths.ControlGroups, line[Unified.Length..]);
    }

    /// <summary>A file of the controller <c>misc</c>: a name and a number a line. Not every host has each of them.</summary>
    private static Dictionary<string, string> ReadMisc(string path) => ReadLines(path)
        .Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(static words => words.Length == 2)
        .ToDictionary(static words => words[0], static words => words[1]);

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
