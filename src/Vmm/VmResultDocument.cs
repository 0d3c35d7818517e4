using KvmSevVmm.Vmm.Devices.Virtio;

namespace KvmSevVmm.Vmm;

/// <summary>The JSON of a result, schema <c>kvmsev.result/1</c>; the order of the properties is the order in the file.</summary>
internal sealed record VmResultDocument(
    string Schema,
    string Mode,
    bool Simulated,
    string Protection,
    int? CBit,
    VmResultDocument.StopPart Stop,
    string StartedAt,
    VmResultDocument.TimesPart Times,
    IReadOnlyDictionary<string, ulong> Exits,
    VmResultDocument.HypercallsPart Hypercalls,
    VmResultDocument.UnclaimedPart Unclaimed,
    IReadOnlyList<VmResultDocument.MsrPart> UnknownMsrs,
    VmResultDocument.MapPart? Map,
    IReadOnlyList<VirtioDeviceReport> Devices,
    bool MigrationReady,
    bool WasMigrationReady,
    ulong? PeakRssBytes,
    ulong GuestMemoryBytes,
    string? LaunchMeasurement,
    string? LaunchDigest)
{
    /// <summary>Why it ended.</summary>
    internal sealed record StopPart(string Reason, ulong? GuestCode, int ExitCode, string? Detail, string? Error);

    /// <summary>Seconds on the monotonic clock since the program's entry.</summary>
    internal sealed record TimesPart(double Start, double? FirstRun, double? FirstConsoleByte, double? UntilMatch, double End);

    /// <summary>Hypercalls by what became of them.</summary>
    internal sealed record HypercallsPart(ulong Accepted, ulong Rejected, IReadOnlyDictionary<string, ulong> RejectedByCause);

    /// <summary>Accesses that nothing claims.</summary>
    internal sealed record UnclaimedPart(ulong PortAccesses, ulong MmioAccesses);

    /// <summary>One unknown MSR.</summary>
    internal sealed record MsrPart(string Index, ulong Reads, ulong Writes);

    /// <summary>Totals of the map.</summary>
    internal sealed record MapPart(ulong Generation, ulong PrivatePages, ulong SharedPages, ulong UnreportedPages);
}
