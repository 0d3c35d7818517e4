namespace KvmSevVmm.Vmm;

/// <summary>A machine was asked to end while its launch waited for the guest's owner; the guest never ran.</summary>
public sealed class LaunchStoppedException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="reason">Why it ends.</param>
    public LaunchStoppedException(StopReason reason)
        : base($"The launch ended while it waited for the guest's owner: {StopReasonWords.PhraseFor(reason)}.")
    {
        Reason = reason;
    }

    /// <summary>Why it ends.</summary>
    public StopReason Reason { get; }
}
