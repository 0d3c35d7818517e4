using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>What requests to a launch are answered that come too late.</summary>
internal static class OwnerRequest
{
    /// <summary>The guest runs, or is about to.</summary>
    internal const string LaunchOver = "SEV: not in the correct state: the launch waits no more";

    /// <summary>The guest never runs.</summary>
    internal const string LaunchEnded = "The launch ended before the guest ran";
}

/// <summary>Something that a client wants of a launch that waits; done on the launching thread, awaited by the client's session.</summary>
/// <typeparam name="T">What comes of it.</typeparam>
/// <param name="work">Does it. What it throws is the client's to hear; the launch goes on.</param>
internal sealed class OwnerRequest<T>(Func<MeasuredLaunch, T> work) : IOwnerRequest
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the request was done or refused.</summary>
    internal Task<T> Done => _done.Task;

    /// <inheritdoc/>
    public bool Perform(MeasuredLaunch launch)
    {
        try
        {
            _done.SetResult(work(launch));
        }
#pragma warning disable CA1031 // Carried to the session that asked; the launch goes on.
        catch (Exception refused)
#pragma warning restore CA1031
        {
            _done.SetException(refused);
        }

        return false;
    }

    /// <inheritdoc/>
    public void AnswerLate(bool mayRun) =>
        _done.SetException(new QmpException(mayRun ? OwnerRequest.LaunchOver : OwnerRequest.LaunchEnded));
}
