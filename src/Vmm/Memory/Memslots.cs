using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>Guest RAM as KVM's memslots: one a RAM range, and in simulated SEV a second one each, with the C-bit in its address.</summary>
/// <remarks>
/// The two halves of simulated SEV are the same host memory, so a page is dirty if it is dirty in either; everything here speaks of a RAM
/// range, and the halves do not show. Not for several threads at once. Dispose frees scratch memory only: the slots go with the VM.
/// </remarks>
public sealed class Memslots : IDisposable
{
    private const uint LogDirtyPages = (uint)KvmMemoryRegionFlags.LogDirtyPages;

    private readonly IMemslotSink _sink;
    private readonly GuestMemory _memory;
    private readonly Memslot[] _slots;
    private MappedRegion? _scratch;

    private Memslots(IMemslotSink sink, GuestMemory memory, Memslot[] slots)
    {
        _sink = sink;
        _memory = memory;
        _slots = slots;
    }

    /// <summary>Every slot: the RAM ranges in order, then their aliases in the same order.</summary>
    public IReadOnlyList<Memslot> Slots => _slots;

    /// <summary>Whether the kernel records the pages that are written.</summary>
    public bool IsDirtyLogging { get; private set; }

    /// <summary>Registers all RAM with a VM. Slot numbers count from 0.</summary>
    /// <param name="vm">The VM; stays the caller's.</param>
    /// <param name="memory">The RAM; must outlive the VM.</param>
    /// <param name="mode">Only <see cref="SevMode.Simulated"/> has aliases; hardware strips the C-bit itself.</param>
    /// <exception cref="ArgumentException">The layout has no C-bit, and <paramref name="mode"/> needs one.</exception>
    /// <exception cref="KvmNative.Errors.KvmException">KVM refused a slot; those registered before are removed again.</exception>
    public static Memslots Register(KvmVm vm, GuestMemory memory, SevMode mode) => Register(new KvmMemslotSink(vm), memory, mode);

    /// <summary>Registers all RAM with a VM. Slot numbers count from 0.</summary>
    /// <param name="sink">The VM.</param>
    /// <param name="memory">The RAM; must outlive the VM.</param>
    /// <param name="mode">Only <see cref="SevMode.Simulated"/> has aliases; hardware strips the C-bit itself.</param>
    /// <exception cref="ArgumentException">The layout has no C-bit, and <paramref name="mode"/> needs one.</exception>
    /// <exception cref="KvmNative.Errors.KvmException">KVM refused a slot; those registered before are removed again.</exception>
    public static Memslots Register(IMemslotSink sink, GuestMemory memory, SevMode mode)
    {
        if (mode == SevMode.Simulated && memory.Layout.CBitPosition is null)
        {
            throw new ArgumentException("Simulated SEV needs a layout with a C-bit.", nameof(memory));
        }

        Memslot[] slots = Plan(memory, mode == SevMode.Simulated ? memory.Layout.CBitMask : 0);
        int registered = 0;
        try
        {
            for (; registered < slots.Length; registered++)
            {
                Set(sink, slots[registered], 0);
            }
        }
        catch
        {
            while (registered-- > 0)
            {
                sink.SetUserMemoryRegion(slots[registered].Number, 0, 0, 0, 0);
            }

            throw;
        }

        return new Memslots(sink, memory, slots);
    }

    /// <summary>Switches the record of written pages for all RAM. Switching it on starts with no page dirty.</summary>
    /// <param name="isOn">Whether to record.</param>
    /// <exception cref="KvmNative.Errors.KvmException">KVM refused.</exception>
    public void SetDirtyLogging(bool isOn)
    {
        foreach (Memslot slot in _slots)
        {
            Set(_sink, slot, isOn ? LogDirtyPages : 0);
        }

        IsDirtyLogging = isOn;
        if (!isOn)
        {
            _scratch?.Dispose();
            _scratch = null;
        }
    }

    /// <summary>The length of a RAM range's dirty bitmap in 64-bit words.</summary>
    /// <param name="rangeIndex">Index into <see cref="GuestMemory.Ranges"/>.</param>
    public int GetDirtyBitmapLength(int rangeIndex) =>
        KvmVm.DirtyBitmapLength(_memory.Ranges[rangeIndex].Length);

    /// <summary>Fetches the pages written since the last call and starts anew: bit n is page n of the range, of either half.</summary>
    /// <param name="rangeIndex">Index into <see cref="GuestMemory.Ranges"/>.</param>
    /// <param name="bitmap">Overwritten; exactly <see cref="GetDirtyBitmapLength"/> words.</param>
    /// <exception cref="KvmNative.Errors.KvmException">KVM refused.</exception>
    /// <remarks>
    /// A page that is written between the fetches of the two halves is in this answer or in the next, never lost: the kernel clears a bit
    /// only when it hands it out.
    /// </remarks>
    public void FetchDirtyLog(int rangeIndex, Span<ulong> bitmap)
    {
        if (!IsDirtyLogging)
        {
            throw new InvalidOperationException("Dirty logging is off.");
        }

        ArgumentOutOfRangeException.ThrowIfNotEqual(bitmap.Length, GetDirtyBitmapLength(rangeIndex));
        _sink.GetDirtyLog(_slots[rangeIndex].Number, bitmap);

        int aliasIndex = _memory.Ranges.Count + rangeIndex;
        if (aliasIndex < _slots.Length)
        {
            Span<ulong> alias = GetScratch(bitmap.Length);
            _sink.GetDirtyLog(_slots[aliasIndex].Number, alias);
            for (int i = 0; i < bitmap.Length; i++)
            {
                bitmap[i] |= alias[i];
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _scratch?.Dispose();

    private static Memslot[] Plan(GuestMemory memory, ulong aliasBit)
    {
        List<Memslot> slots = [];
        foreach (GpaRange range in memory.Ranges)
        {
            slots.Add(new Memslot((uint)slots.Count, range, memory.GetHostAddress(range), IsAlias: false));
        }

        if (aliasBit != 0)
        {
            foreach (GpaRange range in memory.Ranges)
            {
                // GuestLayout keeps RAM below the C-bit, so that "or" is "plus" and the halves are apart.
                GpaRange alias = new(range.Start + aliasBit, range.Length);
                slots.Add(new Memslot((uint)slots.Count, alias, memory.GetHostAddress(range), IsAlias: true));
            }
        }

        return [.. slots];
    }

    private static void Set(IMemslotSink sink, Memslot slot, uint flags) =>
        sink.SetUserMemoryRegion(slot.Number, flags, slot.Range.Start.Value, slot.Range.Length, slot.HostAddress);

    private Span<ulong> GetScratch(int words)
    {
        // Outside the managed heap, which is small: 1 TiB of RAM has a bitmap of 32 MiB.
        ulong bytes = (ulong)words * sizeof(ulong);
        if (_scratch is null || _scratch.Length < bytes)
        {
            _scratch?.Dispose();
            _scratch = null;
            _scratch = MappedRegion.MapAnonymous(bytes);
        }

        return MemoryMarshal.Cast<byte, ulong>(_scratch.GetSpan(0, checked((int)bytes)));
    }
}
