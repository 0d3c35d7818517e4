namespace KvmSevVmm.Vmm;

/// <summary>Why a virtual machine ended.</summary>
public enum StopReason
{
    /// <summary>It has not ended.</summary>
    None = 0,

    /// <summary>The guest powered itself off.</summary>
    PowerOff,

    /// <summary>The guest asked for a reset (keyboard controller, port 0xCF9, ACPI).</summary>
    Reset,

    /// <summary>The guest wrote to the debug-exit port.</summary>
    DebugExit,

    /// <summary>The guest's console matched <c>--until</c>.</summary>
    UntilMatched,

    /// <summary><c>--timeout</c> ran out.</summary>
    Timeout,

    /// <summary>A triple fault or another KVM_EXIT_SHUTDOWN.</summary>
    Shutdown,

    /// <summary>The guest reported a panic (pvpanic, KVM_SYSTEM_EVENT_CRASH).</summary>
    GuestPanic,

    /// <summary>KVM could not go on: internal error, failed entry, or an exit that the monitor does not know.</summary>
    Crash,

    /// <summary>A SEV guest asked to be terminated (KVM_SYSTEM_EVENT_SEV_TERM).</summary>
    SevTermination,

    /// <summary>The user asked: Ctrl-C, Ctrl-A X, SIGINT.</summary>
    Interrupted,

    /// <summary>SIGTERM.</summary>
    Terminated,

    /// <summary>Every vCPU halted with interrupts off and no way to wake.</summary>
    Halted,

    /// <summary>The guest is launched and measured, and nothing more was asked for.</summary>
    Launched,

    /// <summary>Somebody asked through the control socket.</summary>
    Quit,

    /// <summary>The monitor itself failed (I/O error on an output file, a bug).</summary>
    MonitorError,
}
