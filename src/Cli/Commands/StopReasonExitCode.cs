using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Commands;

/// <summary>How the end of a machine becomes the exit code of <c>run</c>.</summary>
internal static class StopReasonExitCode
{
    /// <summary>The exit code for a result.</summary>
    /// <param name="result">How the machine ended.</param>
    /// <exception cref="ArgumentOutOfRangeException">The reason has no exit code: somebody added one and forgot this table.</exception>
    /// <remarks>
    /// The debug-exit port follows QEMU's isa-debug-exit: guest code v is exit code (v &lt;&lt; 1 | 1) &amp; 0xff, which is never 0. Some
    /// of these are other codes of the program too (v = 16 gives 33); <c>--result</c> tells them apart.
    /// </remarks>
    internal static int For(VmResult result) => result.Reason switch
    {
        StopReason.None or StopReason.MonitorError =>
            result.Failure is Exception failure ? ErrorReport.For(failure).ExitCode : ExitCode.InternalError,
        StopReason.PowerOff or StopReason.UntilMatched or StopReason.Launched or StopReason.Quit => ExitCode.Success,
        StopReason.DebugExit => (int)(((result.GuestCode.GetValueOrDefault() << 1) | 1) & 0xFF),
        StopReason.Reset => ExitCode.GuestReset,

        // Halted for ever is no end that a guest reports: a script must not take it for success.
        StopReason.Shutdown or StopReason.Crash or StopReason.Halted => ExitCode.GuestCrash,
        StopReason.GuestPanic => ExitCode.GuestPanic,
        StopReason.Timeout => ExitCode.Timeout,
        StopReason.SevTermination => ExitCode.SevTermination,
        StopReason.Interrupted => ExitCode.Interrupted,
        StopReason.Terminated => ExitCode.Terminated,
        _ => throw new ArgumentOutOfRangeException(nameof(result), result.Reason, "This stop reason has no exit code."),
    };
}
