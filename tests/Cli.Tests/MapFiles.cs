using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Tests;

/// <summary>Makes map files that are too large to keep.</summary>
internal static class MapFiles
{
    /// <summary>Writes an unreported map as CSV, and one with every second page shared as JSON.</summary>
    public static void WriteAlternating(string unreported, string alternating, ulong pages)
    {
        SharedRegionTracker tracker = new([new GpaRange(new Gpa(0), pages * GuestPage.Size)]);
        using (FileStream file = File.Create(unreported))
        {
            SharedRegionMapCsv.Write(tracker.Snapshot(), file);
        }

        for (ulong page = 0; page < pages; page += 2)
        {
            tracker.Set(new GpaRange(new Gpa(page * GuestPage.Size), GuestPage.Size), PageState.Shared);
        }

        using (FileStream file = File.Create(alternating))
        {
            SharedRegionMapJson.Write(tracker.Snapshot(), file);
        }
    }

    /// <summary>Writes a map of private and shared runs in turn, as CSV, with random lengths from a fixed seed.</summary>
    public static void WriteRandom(string path, ulong pages, int runs)
    {
        Random random = new(1);
        SortedSet<ulong> cuts = [];
        while (cuts.Count < runs - 1)
        {
            _ = cuts.Add((ulong)random.NextInt64(1, (long)pages));
        }

        SharedRegionTracker tracker = new(
            [new GpaRange(new Gpa(0), pages * GuestPage.Size)], new SharedRegionTrackerOptions { Mode = "simulated", CBit = 47 });
        ulong start = 0;
        PageState state = PageState.Private;
        foreach (ulong end in cuts.Append(pages))
        {
            tracker.Set(new GpaRange(new Gpa(start * GuestPage.Size), (end - start) * GuestPage.Size), state);
            (start, state) = (end, state == PageState.Private ? PageState.Shared : PageState.Private);
        }

        using FileStream file = File.Create(path);
        SharedRegionMapCsv.Write(tracker.Snapshot(), file);
    }

    /// <summary>Writes a bitmap, with its header, of 64 GiB whose pages are private and shared in turn: 16,777,216 runs.</summary>
    public static void WriteAlternating64GiB(string path)
    {
        const ulong Pages = 64UL << 18;
        byte[] cells = new byte[Pages / 4];
        Array.Fill(cells, (byte)0b10_01_10_01);
        File.WriteAllBytes(path, cells);
        File.WriteAllText(
            path + ".json",
            $$$"""{"schema":"kvmsev.encryption-bitmap/1","vm":{"mode":"simulated","cBit":39,"memoryBytes":{{{Pages * 4096}}}},"""
            + """ "pageSize":4096,"generation":5,"capturedAt":"2025-01-31T23:59:59.1234567Z","migrationReady":false,"""
            + $$$""" "totals":{"privatePages":{{{Pages / 2}}},"sharedPages":{{{Pages / 2}}},"unreportedPages":0},"""
            + $$$""" "ram":[{"start":"0x0","end":"0x1000000000"}],"bitmap":{"bitsPerPage":2,"bytes":{{{Pages / 4}}}},"labels":[]}"""
            + "\n");
    }
}
