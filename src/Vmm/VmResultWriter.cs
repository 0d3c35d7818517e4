using System.Globalization;
using System.Text.Json;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm;

/// <summary>Writes a <see cref="VmResult"/> as JSON.</summary>
public static class VmResultWriter
{
    /// <summary>The schema's name and version.</summary>
    public const string Schema = "kvmsev.result/1";

    /// <summary>Writes one document and a line end.</summary>
    /// <param name="result">What happened.</param>
    /// <param name="exitCode">The exit code that the program will end with.</param>
    /// <param name="output">Takes UTF-8 text.</param>
    /// <exception cref="IOException"><paramref name="output"/> failed.</exception>
    public static void Write(VmResult result, int exitCode, Stream output)
    {
        output.Write(JsonSerializer.SerializeToUtf8Bytes(Describe(result, exitCode), VmResultJsonContext.Readable.VmResultDocument));
        output.Write("\n"u8);
    }

    private static VmResultDocument Describe(VmResult result, int exitCode) => new(
        Schema,
        SevModeWords.WordFor(result.Mode),
        result.Mode == SevMode.Simulated,
        SevModeWords.ProtectionFor(result.Mode),
        result.CBitPosition,
        new VmResultDocument.StopPart(
            StopReasonWords.WordFor(result.Reason), result.GuestCode, exitCode, result.Detail, result.Failure?.Message),
        result.Times.StartedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        new VmResultDocument.TimesPart(
            Seconds(result.Times.Start),
            Seconds(result.Times.FirstRun),
            Seconds(result.Times.FirstConsoleByte),
            Seconds(result.Times.UntilMatched),
            Seconds(result.Times.End)),
        Sorted(result.ExitsByKind),
        new VmResultDocument.HypercallsPart(
            result.Hypercalls.Accepted, result.Hypercalls.Rejected, Sorted(result.Hypercalls.RejectedByCause)),
        new VmResultDocument.UnclaimedPart(result.UnclaimedPortAccesses, result.UnclaimedMmioAccesses),
        [
            .. result.UnknownMsrs.OrderBy(msr => msr.Index)
                .Select(msr => new VmResultDocument.MsrPart(Hex(msr.Index), msr.Reads, msr.Writes)),
        ],
        result.Map is SharedRegionMap map
            ? new VmResultDocument.MapPart(map.Generation, map.Totals.PrivatePages, map.Totals.SharedPages, map.Totals.UnreportedPages)
            : null,
        result.Devices,
        result.MigrationReady,
        result.WasMigrationReady,
        result.PeakRssBytes,
        result.GuestMemoryBytes,
        result.LaunchMeasurement is ReadOnlyMemory<byte> measurement ? Convert.ToHexStringLower(measurement.Span) : null,
        result.LaunchDigest is ReadOnlyMemory<byte> digest ? Convert.ToHexStringLower(digest.Span) : null);

    private static SortedDictionary<string, ulong> Sorted(IReadOnlyDictionary<string, ulong> counts) =>
        new(counts.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);

    // Microseconds are what the clock is good for; more digits would only say that a double was printed.
    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 6);

    private static double? Seconds(TimeSpan? time) => time is TimeSpan known ? Seconds(known) : null;

    private static string Hex(uint value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);
}
