using System.Globalization;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Sharing.Pictures;

namespace KvmSevVmm.Cli.Commands;

/// <summary>What <c>map diff --by-kind</c> prints.</summary>
internal static class MapKindDiff
{
    private const int KindWidth = 30;

    /// <summary>Compares two maps kind by kind and prints it.</summary>
    /// <param name="options">The names of the maps.</param>
    /// <param name="before">The first map.</param>
    /// <param name="after">The second map.</param>
    /// <param name="context">Takes the answer.</param>
    /// <returns>Whether there is a difference.</returns>
    internal static bool Write(MapDiffOptions options, SharedRegionMap before, SharedRegionMap after, CliContext context)
    {
        IReadOnlyList<KindDifference> kinds = KindDifference.Between(before, after);
        context.Write(options.Json ? Json(options, before, after, kinds) : Table(kinds));
        return kinds.Any(static kind => kind.IsDifferent);
    }

    private static string Table(IReadOnlyList<KindDifference> kinds)
    {
        StringBuilder text = new();
        Line("  label", "A shared", "A private", "B shared", "B private");
        foreach (KindDifference kind in kinds)
        {
            string name = OneLine.Clean(kind.Kind ?? "(none)");
            name = name.Length > KindWidth - 2 ? name[..(KindWidth - 3)] + '~' : name;
            Line(
                (kind.IsDifferent ? "* " : "  ") + name,
                Pages(kind.Before?.Pages.SharedPages),
                Pages(kind.Before?.Pages.PrivatePages),
                Pages(kind.After?.Pages.SharedPages),
                Pages(kind.After?.Pages.PrivatePages));
        }

        int different = kinds.Count(static kind => kind.IsDifferent);
        text.Append(
            different == 0
                ? "no difference in kind\n"
                : string.Create(CultureInfo.InvariantCulture, $"{different} kinds differ (marked *); numbers are pages\n"));
        return text.ToString();

        void Line(string kind, string a, string b, string c, string d) =>
            text.Append(CultureInfo.InvariantCulture, $"{kind,-KindWidth} {a,11} {b,11} {c,11} {d,11}\n");
    }

    private static string Pages(ulong? pages) => pages?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static string Json(
        MapDiffOptions options, SharedRegionMap before, SharedRegionMap after, IReadOnlyList<KindDifference> kinds) =>
        JsonAnswer.Make("kvmsev.map-diff-by-kind/1", json =>
        {
            json.WriteString("a"u8, options.Before);
            json.WriteString("b"u8, options.After);
            json.WriteString("aMode"u8, before.Mode);
            json.WriteString("bMode"u8, after.Mode);
            json.WriteStartArray("kinds"u8);
            foreach (KindDifference kind in kinds)
            {
                json.WriteStartObject();
                json.WriteString("label"u8, kind.Kind);
                json.WriteBoolean("different"u8, kind.IsDifferent);
                WriteTotal(json, "a"u8, kind.Before);
                WriteTotal(json, "b"u8, kind.After);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteBoolean("different"u8, kinds.Any(static kind => kind.IsDifferent));
        });

    private static void WriteTotal(Utf8JsonWriter json, ReadOnlySpan<byte> name, KindTotal? total)
    {
        if (total is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteString("certainty"u8, MapStateWords.WordFor(total.Certainty));
        json.WriteNumber("sharedPages"u8, total.Pages.SharedPages);
        json.WriteNumber("privatePages"u8, total.Pages.PrivatePages);
        json.WriteNumber("unreportedPages"u8, total.Pages.UnreportedPages);
        json.WriteNumber("runs"u8, total.Runs);
        json.WriteEndObject();
    }
}
