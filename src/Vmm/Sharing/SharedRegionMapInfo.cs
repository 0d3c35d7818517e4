using System.Text.RegularExpressions;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a map says beside its pages.</summary>
internal sealed partial record SharedRegionMapInfo
{
    /// <summary>What protects the memory, one word.</summary>
    public required string Mode { get; init; }

    /// <summary>C-bit position, or null.</summary>
    public required int? CBit { get; init; }

    /// <summary>The guest's memory as configured, in bytes.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>Accepted calls.</summary>
    public required ulong Generation { get; init; }

    /// <summary>When the map was true.</summary>
    public required DateTimeOffset CapturedAt { get; init; }

    /// <summary>Whether the guest said that it is ready to migrate.</summary>
    public required bool MigrationReady { get; init; }

    /// <summary>Whether a word can be a map's mode: it is printed to terminals as it is.</summary>
    public static bool IsMode(string mode) => ModeWord().IsMatch(mode);

    /// <summary>Whether a bit can be a C-bit: one of a 64-bit page-table entry above the offset in a page.</summary>
    public static bool IsCBit(long bit) => bit is >= 12 and <= 63;

    [GeneratedRegex(@"\A[a-z][a-z0-9-]{0,31}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ModeWord();
}
