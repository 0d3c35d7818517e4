using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Why a queue stopped.</summary>
/// <param name="Error">What the driver did.</param>
/// <param name="Part">Where.</param>
/// <param name="Gpa">The address at fault; for <see cref="VirtqueueError.NotShared"/> the first page that is not shared.</param>
/// <param name="State">The state of that page.</param>
internal readonly record struct VirtqueueFault(VirtqueueError Error, VirtqueuePart Part, Gpa Gpa, PageState State)
{
    /// <summary>Whether the guard refused memory, rather than the queue its form.</summary>
    public bool IsGuardViolation => Error is VirtqueueError.OutsideMemory or VirtqueueError.NotShared;
}
