using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Reads map files, whichever lossless form they have.</summary>
internal static class MapFile
{
    /// <summary>What a bitmap's header is called: the bitmap's name and this.</summary>
    internal const string HeaderSuffix = ".json";

    /// <summary>
    /// Reads a map. The first byte tells the form: <c>{</c> (or white space) JSON, <c>#</c> CSV, anything else a bitmap with its header
    /// beside it.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">There is no such file, or no header for a bitmap.</exception>
    /// <exception cref="Vmm.InvalidInputException">It is no map.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    internal static SharedRegionMap Read(string path)
    {
        const string Argument = "map file";
        using FileStream file = FileKind.OpenInput(Argument, path);
        int first = file.ReadByte();
        file.Position = 0;
        switch (first)
        {
            case '{' or ' ' or '\t' or '\r' or '\n':
                return SharedRegionMapJson.Read(file, path);
            case '#':
                return SharedRegionMapCsv.Read(file, path);
            default:
                string header = path + HeaderSuffix;
                if (!File.Exists(header))
                {
                    throw new Vmm.InvalidInputException(
                        path,
                        "format",
                        $"is neither JSON nor CSV, and there is no '{header}' that would make it a bitmap");
                }

                using (FileStream headerFile = FileKind.OpenInput("bitmap header", header))
                {
                    return SharedRegionMapBitmap.Read(file, headerFile, path, header);
                }
        }
    }

    /// <summary>Says on stderr that one of the maps is a simulated guest's, where the answer itself has no place for it.</summary>
    /// <param name="options">With --json the document has the mode; --quiet asks for silence.</param>
    /// <param name="context">Takes the words.</param>
    /// <param name="maps">The maps that the answer is about.</param>
    internal static void WarnOfSimulation(CommonOptions options, CliContext context, params IEnumerable<SharedRegionMap> maps)
    {
        string simulated = SevModeWords.WordFor(SevMode.Simulated);
        if (!options.Json && !options.Quiet && maps.Any(map => map.Mode == simulated))
        {
            context.Error.WriteLine("kvmsev: the guest was simulated: nothing is encrypted and nothing is confidential");
        }
    }
}
