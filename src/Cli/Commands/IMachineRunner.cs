using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Builds a machine, runs it to its end and takes it down again.</summary>
internal interface IMachineRunner
{
    /// <summary>Runs one guest.</summary>
    /// <param name="config">What the machine is; already checked as far as that is possible without the host.</param>
    /// <param name="outputs">Where the guest's console and the event log go, and who may stop the machine.</param>
    /// <returns>
    /// How it ended, for every end of a machine whose guest has started; a failure of the monitor itself after that moment is
    /// <see cref="StopReason.MonitorError"/> with <see cref="VmResult.Failure"/>, so that the counters and the map are not lost.
    /// </returns>
    /// <exception cref="HostLacksException">The host does not offer what the configuration needs.</exception>
    /// <exception cref="InvalidInputException">Kernel, initramfs or a value is not what it must be.</exception>
    /// <exception cref="IOException">A device or file failed before the guest started.</exception>
    VmResult Run(VmConfig config, RunOutputs outputs);
}
