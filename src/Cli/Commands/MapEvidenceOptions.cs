using CommandLine;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Cli.Commands;

/// <summary>The options of verbs that say what ranges are used for.</summary>
internal abstract class MapEvidenceOptions : CommonOptions
{
    /// <summary>The console's log.</summary>
    [Option("console", MetaValue = "FILE", HelpText = "The guest's console; Linux prints there where its bounce buffers are.")]
    public string? Console { get; set; }

    /// <summary>The kernel's symbols.</summary>
    [Option("system-map", MetaValue = "FILE", HelpText = "The kernel's System.map, or the guest's /proc/kallsyms read as root.")]
    public string? SystemMap { get; set; }

    /// <summary>Reads the console's hints; null when no console was given.</summary>
    internal ConsoleHints? ReadConsole()
    {
        using FileStream? file = Console is null ? null : FileKind.OpenInput("--console", Console);
        return file is null ? null : ConsoleHints.Read(file);
    }

    /// <summary>Reads the kernel's symbols; null when none were given.</summary>
    internal KernelSymbols? ReadSymbols()
    {
        using FileStream? file = SystemMap is null ? null : FileKind.OpenInput("--system-map", SystemMap);
        return file is null ? null : KernelSymbols.Read(file, SystemMap!);
    }

    /// <summary>Labels a map, if there is anything to label it with.</summary>
    /// <param name="map">The map.</param>
    /// <param name="log">Its history, or null.</param>
    /// <exception cref="UsageException">Symbols without a history say nothing.</exception>
    internal SharedRegionMap Label(SharedRegionMap map, EventLogReplay? log)
    {
        if (SystemMap is not null && log is null)
        {
            // Where the kernel lies is known by a call of its start.
            throw new UsageException("--system-map needs an event log", "give the guest's with --event-log");
        }

        ConsoleHints? console = ReadConsole();
        KernelSymbols? symbols = ReadSymbols();
        return log is null && console is null
            ? map
            : MapAttribution.Label(
                map, log?.Evidence(console, symbols) ?? new AttributionEvidence { ConsoleSwiotlb = console?.Swiotlb });
    }
}
