using System.Diagnostics;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a <see cref="SharedRegionTracker"/> writes into its maps, and how much it remembers.</summary>
public sealed record SharedRegionTrackerOptions
{
    /// <summary>
    /// The map's word for what protects the memory: <c>none</c>, <c>simulated</c>, <c>sev</c>, <c>sev-es</c>, <c>sev-snp</c>.
    /// </summary>
    public string Mode { get; init; } = "none";

    /// <summary>C-bit position (12 to 63), or null where there is none.</summary>
    public int? CBit { get; init; }

    /// <summary>The guest's memory as configured, in bytes; null takes the sum of the RAM ranges.</summary>
    public ulong? MemoryBytes { get; init; }

    /// <summary>Calls that the journal remembers, 24 bytes each. The default covers 25 boots of a Linux guest of 512 MiB.</summary>
    public int JournalCapacity { get; init; } = 16384;

    /// <summary>Stopwatch ticks that the journal's times count from; give <see cref="EventLog"/> the same, so that the two agree.</summary>
    public long StartTimestamp { get; init; } = Stopwatch.GetTimestamp();

    /// <summary>The clock of <see cref="SharedRegionMap.CapturedAt"/>.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
