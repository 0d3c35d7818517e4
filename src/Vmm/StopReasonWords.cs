namespace KvmSevVmm.Vmm;

/// <summary>The words for <see cref="StopReason"/>, the same in results, event logs and messages.</summary>
public static class StopReasonWords
{
    /// <summary>
    /// The reason as one word: <c>power-off</c>, <c>until-matched</c>, …; <c>not-started</c> for <see cref="StopReason.None"/>.
    /// </summary>
    /// <param name="reason">The reason.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such reason.</exception>
    public static string WordFor(StopReason reason) => reason switch
    {
        StopReason.None => "not-started",
        StopReason.PowerOff => "power-off",
        StopReason.Reset => "reset",
        StopReason.DebugExit => "debug-exit",
        StopReason.UntilMatched => "until-matched",
        StopReason.Timeout => "timeout",
        StopReason.Shutdown => "shutdown",
        StopReason.GuestPanic => "guest-panic",
        StopReason.Crash => "crash",
        StopReason.SevTermination => "sev-termination",
        StopReason.Interrupted => "interrupted",
        StopReason.Terminated => "terminated",
        StopReason.Halted => "halted",
        StopReason.Launched => "launched",
        StopReason.Quit => "quit",
        StopReason.MonitorError => "monitor-error",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "There is no such reason."),
    };

    /// <summary>The reason as a sentence's end: "the guest …" or "the monitor …".</summary>
    /// <param name="reason">The reason.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such reason.</exception>
    public static string PhraseFor(StopReason reason) => reason switch
    {
        StopReason.None => "the guest never started",
        StopReason.PowerOff => "the guest powered off",
        StopReason.Reset => "the guest asked for a reset",
        StopReason.DebugExit => "the guest wrote to the debug-exit port",
        StopReason.UntilMatched => "the console matched --until",
        StopReason.Timeout => "--timeout ran out",
        StopReason.Shutdown => "the guest shut down by a triple fault",
        StopReason.GuestPanic => "the guest panicked",
        StopReason.Crash => "the guest crashed: KVM could not go on",
        StopReason.SevTermination => "the guest asked for its termination (SEV)",
        StopReason.Interrupted => "interrupted by the user",
        StopReason.Terminated => "terminated by a signal",
        StopReason.Halted => "every vCPU halted with interrupts off",
        StopReason.Launched => "the guest was launched and measured, and not run (--launch-only)",
        StopReason.Quit => "ended through the control socket",
        StopReason.MonitorError => "the monitor failed",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "There is no such reason."),
    };
}
