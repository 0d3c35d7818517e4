namespace KvmSevVmm.Vmm.Control;

/// <summary>QEMU's words for why a machine ends.</summary>
/// <remarks>Source: QEMU, qapi/run-state.json, ShutdownCause.</remarks>
internal static class QmpShutdown
{
    /// <summary>The cause that QEMU would give, and whether it counts as the guest's doing.</summary>
    /// <param name="reason">Why the machine ended.</param>
    /// <param name="isResetByHost">Whether a client asked for the reset.</param>
    internal static (string Cause, bool IsGuest) CauseOf(StopReason reason, bool isResetByHost) => reason switch
    {
        StopReason.PowerOff or StopReason.DebugExit or StopReason.Halted => ("guest-shutdown", true),
        StopReason.Reset when isResetByHost => ("host-qmp-system-reset", false),

        // A triple fault is a reset to QEMU.
        StopReason.Reset or StopReason.Shutdown => ("guest-reset", true),
        StopReason.GuestPanic or StopReason.SevTermination => ("guest-panic", true),
        StopReason.Quit => ("host-qmp-quit", false),
        StopReason.Interrupted or StopReason.Terminated => ("host-signal", false),
        StopReason.UntilMatched or StopReason.Timeout or StopReason.Launched => ("host-ui", false),
        _ => ("host-error", false),
    };
}
