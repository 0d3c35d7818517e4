using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Memory;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>Guest memory inside a larger mapping, with canary bytes before and behind, so that a stray write shows.</summary>
internal sealed class GuardedMemory : IDisposable
{
    internal const byte Canary = 0xC9;
    private const int GuardSize = 16 << 10;

    private readonly MappedRegion _mapping;
    private readonly ulong _length;

    internal GuardedMemory(GuestLayout layout)
    {
        Assert.True(layout.HighRam.IsEmpty);
        _length = layout.LowRam.Length;
        _mapping = MappedRegion.MapAnonymous(_length + (2 * GuardSize));
        _mapping.GetSpan(0, GuardSize).Fill(Canary);
        _mapping.GetSpan(GuardSize + _length, GuardSize).Fill(Canary);
        Memory = new GuestMemory(layout, new GuestRegion(layout.LowRam, _mapping, GuardSize), null);
    }

    internal GuestMemory Memory { get; }

    internal bool IsIntact =>
        !_mapping.GetSpan(0, GuardSize).ContainsAnyExcept(Canary)
        && !_mapping.GetSpan(GuardSize + _length, GuardSize).ContainsAnyExcept(Canary);

    public void Dispose() => Memory.Dispose();

    /// <summary>Fills all RAM with canary bytes.</summary>
    internal void FillRam() => Memory.GetSpan(default, (int)_length).Fill(Canary);

    /// <summary>The parts of RAM that no longer hold canary bytes, as whole pages.</summary>
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
}
