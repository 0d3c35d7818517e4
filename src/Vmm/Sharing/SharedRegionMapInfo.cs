using System.Buffers;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a map says beside its pages.</summary>
internal sealed record SharedRegionMapInfo
{
    private static readonly SearchValues<char> ModeCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

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

    /// <summary>Whether a word can be a map's mode; it is printed to terminals as it is.</summary>
    public static bool IsMode(string mode) =>
        mode.Length is >= 1 and <= 32 && char.IsAsciiLetterLower(mode[0]) && mode.AsSpan().IndexOfAnyExcept(ModeCharacters) < 0;

    /// <summary>Whether a bit can be a C-bit: one of a 64-bit page-table entry above the offset in a page.</summary>
    public static bool IsCBit(long bit) => bit is >= 12 and <= 63;

    /// <summary>Checks the words that a map cannot carry otherwise.</summary>
    /// <exception cref="ArgumentException">Mode or C-bit is none.</exception>
    public void Check()
    {
        if (!IsMode(Mode))
        {
            throw new ArgumentException("a mode is one word of small letters, digits and hyphens");
        }

        if (CBit is int bit && !IsCBit(bit))
        {
            throw new ArgumentException("a C-bit is one of the bits 12 to 63");
        }
    }
}
