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
}
