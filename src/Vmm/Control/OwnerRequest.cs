using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Something that a client wants of a launch that waits; done on the launching thread, awaited by the client's session.</summary>
/// <param name="Inject">Puts a secret into the guest; null lets the guest run.</param>
internal sealed record OwnerRequest(Func<MeasuredLaunch, GpaRange>? Inject)
{
    private readonly TaskCompletionSource<GpaRange> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the request was done or refused.</summary>
    internal Task<GpaRange> Done => _done.Task;

    /// <summary>Does what was asked for; what is refused is the client's to hear.</summary>
    /// <param name="launch">The launch.</param>
    /// <returns>True when the guest may run.</returns>
    internal bool Perform(MeasuredLaunch launch)
    {
        if (Inject is null)
        {
            _done.SetResult(default);
            return true;
        }

        try
        {
            _done.SetResult(Inject(launch));
        }
#pragma warning disable CA1031 // Carried to the session that asked; the launch goes on.
        catch (Exception refused)
#pragma warning restore CA1031
        {
            _done.SetException(refused);
        }

        return false;
    }

    /// <summary>Refuses what came too late.</summary>
    /// <param name="reason">Why.</param>
    internal void Refuse(Exception reason) => _done.TrySetException(reason);
}
