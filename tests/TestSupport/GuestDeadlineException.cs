namespace KvmSevVmm.TestSupport;

/// <summary>A guest did not come to its end in time. The message shows where it was.</summary>
public sealed class GuestDeadlineException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What happened, with the guest's registers.</param>
    public GuestDeadlineException(string message)
        : base(message)
    {
    }
}
