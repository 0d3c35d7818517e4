using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Control;

/// <summary>A client wants a launch that waits to let its guest run.</summary>
internal sealed class LetRunRequest : IOwnerRequest
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the guest may run, whoever asked for it first; fails with <see cref="QmpException"/> when the launch ends
    /// without it.</summary>
    internal Task Done => _done.Task;

    /// <inheritdoc/>
    public bool Perform(MeasuredLaunch launch)
    {
        _done.SetResult();
        return true;
    }

    /// <inheritdoc/>
    public void AnswerLate(bool mayRun)
    {
        if (mayRun)
        {
            _done.SetResult();
        }
        else
        {
            _done.SetException(new QmpException(OwnerRequest.LaunchEnded));
        }
    }
}
