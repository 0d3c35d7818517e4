using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Tests.Sharing;

/// <summary>The lossless formats, so that one test can be said of all of them.</summary>
public enum MapFormat
{
    Json,
    Csv,
    Bitmap,
}

/// <summary>Writes and reads a map in any lossless format, as one file or two.</summary>
internal static class MapFormats
{
    /// <summary>Writes a map; the bitmap's header is the second file.</summary>
    public static byte[][] Write(MapFormat format, SharedRegionMap map)
    {
        using MemoryStream first = new();
        using MemoryStream second = new();
        switch (format)
        {
            case MapFormat.Json:
                SharedRegionMapJson.Write(map, first);
                break;
            case MapFormat.Csv:
                SharedRegionMapCsv.Write(map, first);
                break;
            default:
                SharedRegionMapBitmap.Write(map, first, second);
                break;
        }

        return format == MapFormat.Bitmap ? [first.ToArray(), second.ToArray()] : [first.ToArray()];
    }

    /// <summary>Reads what <see cref="Write"/> wrote; the input comes in small pieces, as from a pipe.</summary>
    public static SharedRegionMap Read(MapFormat format, byte[][] files)
    {
        using TricklingStream first = new(files[0]);
        using TricklingStream second = new(files[^1]);
        return format switch
        {
            MapFormat.Json => SharedRegionMapJson.Read(first, "map"),
            MapFormat.Csv => SharedRegionMapCsv.Read(first, "map"),
            _ => SharedRegionMapBitmap.Read(first, second, "map", "map"),
        };
    }

    private sealed class TricklingStream(byte[] content) : MemoryStream(content)
    {
        // A few odd pieces first, large ones later: every border is met, and long files are not slow.
        private int _reads;

        public override int Read(byte[] buffer, int offset, int count)
        {
            _reads++;
            return base.Read(buffer, offset, _reads < 500 ? Math.Min(count, 1 + (_reads * 7 % 301)) : count);
        }
    }
}
