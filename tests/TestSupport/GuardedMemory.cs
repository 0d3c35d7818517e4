using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.TestSupport;

/// <summary>Guest memory inside larger mappings, with canary bytes before and behind each range, so that a stray write shows.</summary>
internal sealed class GuardedMemory : IDisposable
{
    internal const byte Canary = 0xC9;
    private const int GuardSize = 16 << 10;

    private readonly List<(MappedRegion Mapping, ulong Length)> _mappings = [];
    private readonly ulong _length;

    internal GuardedMemory(GuestLayout layout)
    {
        _length = layout.LowRam.Length;
        GuestRegion low = Map(layout.LowRam);
        GuestRegion? high = layout.HighRam.IsEmpty ? null : Map(layout.HighRam);
        Memory = new GuestMemory(layout, low, high, layout.Firmware.IsEmpty ? null : Map(layout.Firmware));
    }

    internal GuestMemory Memory { get; }

    internal bool IsIntact => _mappings.TrueForAll(static range =>
        !range.Mapping.GetSpan(0, GuardSize).ContainsAnyExcept(Canary)
        && !range.Mapping.GetSpan(GuardSize + range.Length, GuardSize).ContainsAnyExcept(Canary));

    public void Dispose() => Memory.Dispose();

    /// <summary>Fills the RAM below 4 GiB with canary bytes.</summary>
    internal void FillRam() => Memory.GetSpan(default, (int)_length).Fill(Canary);

    /// <summary>The parts of the RAM below 4 GiB that no longer hold canary bytes, as whole pages.</summary>
    internal List<GpaRange> FindWrittenPages()
    {
        List<GpaRange> written = [];
        for (ulong page = 0; page < _length; page += GuestPage.Size)
        {
            if (!Memory.GetReadOnlySpan(new Gpa(page), GuestPage.Size).ContainsAnyExcept(Canary))
            {
                continue;
            }

            if (written.Count > 0 && written[^1].End.Value == page)
            {
                written[^1] = GpaRange.FromBounds(written[^1].Start.Value, page + GuestPage.Size);
            }
            else
            {
                written.Add(new GpaRange(new Gpa(page), GuestPage.Size));
            }
        }

        return written;
    }

    private GuestRegion Map(GpaRange range)
    {
        MappedRegion mapping = MappedRegion.MapAnonymous(range.Length + (2 * GuardSize));
        _mappings.Add((mapping, range.Length));
        mapping.GetSpan(0, GuardSize).Fill(Canary);
        mapping.GetSpan(GuardSize + range.Length, GuardSize).Fill(Canary);
        return new GuestRegion(range, mapping, GuardSize);
    }
}
