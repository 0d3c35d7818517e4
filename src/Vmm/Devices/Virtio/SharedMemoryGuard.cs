using System.Globalization;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Decides whether a device may touch a piece of guest memory: it is RAM, and the guest has shared it.</summary>
/// <remarks>
/// In a guest with memory encryption, simulated or not, only what the guest has reported as shared counts as shared. A page that it never
/// spoke of is not: pages are private until they are converted. Any thread may ask; nothing is allocated.
/// </remarks>
public sealed class SharedMemoryGuard
{
    private readonly GuestMemory _memory;
    private readonly SharedRegionTracker? _tracker;

    /// <summary>Makes the guard.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="tracker">What the guest has shared; null for a guest without memory encryption, whose RAM is all the host's.</param>
    public SharedMemoryGuard(GuestMemory memory, SharedRegionTracker? tracker)
    {
        _memory = memory;
        _tracker = tracker;
    }

    /// <summary>Whether pages can be private at all.</summary>
    public bool IsEncrypted => _tracker is not null;

    /// <summary>Changes with each conversion; while it is the same, what was allowed is allowed.</summary>
    public ulong Generation => _tracker?.Generation ?? 0;

    /// <summary>Judges a piece of memory.</summary>
    /// <param name="start">First address; the guest chose it.</param>
    /// <param name="length">Bytes, at least 1; the guest chose it.</param>
    /// <param name="part">What it is for.</param>
    /// <param name="fault">Why not, when the result is false.</param>
    internal bool Allows(Gpa start, ulong length, VirtqueuePart part, out VirtqueueFault fault)
    {
        if (!GpaRange.TryCreate(start, length, out GpaRange range) || !_memory.Contains(range))
        {
            fault = new VirtqueueFault(VirtqueueError.OutsideMemory, part, start, PageState.Unreported);
            return false;
        }

        if (_tracker is not null && !_tracker.IsShared(range, out Gpa first, out PageState state))
        {
            fault = new VirtqueueFault(VirtqueueError.NotShared, part, first, state);
            return false;
        }

        fault = default;
        return true;
    }

    /// <summary>Says in words why a page is not shared: since when, and by which call.</summary>
    /// <param name="fault">What was refused.</param>
    internal string Explain(in VirtqueueFault fault)
    {
        if (fault.Error != VirtqueueError.NotShared || _tracker is null)
        {
            return VirtqueueErrorWords.PhraseFor(fault.Error);
        }

        if (fault.State == PageState.Unreported)
        {
            return "was never reported as shared";
        }

        return _tracker.TryFindLatest(fault.Gpa, out ConversionRecord record)
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"is private since {record.Elapsed.TotalSeconds:0.000000} s (call {record.Generation}, vCPU {record.Vcpu})")
            : "is private, since longer than the journal remembers";
    }
}
