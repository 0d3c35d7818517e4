using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm;

/// <summary>What may be asked of a machine between its launch and its end, from any thread.</summary>
public interface IRunningMachine
{
    /// <summary>Which page is private and which is shared, as the guest said.</summary>
    SharedRegionTracker SharedRegions { get; }

    /// <summary>Whether the guest stands still because it was asked to.</summary>
    bool IsPaused { get; }

    /// <summary>Presses the power button: a guest with a driver for it shuts down, any other does not notice.</summary>
    void PressPowerButton();

    /// <summary>Has every vCPU and every device stand still. Before the first run, the guest begins standing still.</summary>
    /// <returns>False when the guest stands still already, or has ended.</returns>
    /// <exception cref="TimeoutException">A thread did not stop; the guest goes on.</exception>
    /// <exception cref="KvmException">A thread could not be woken; the guest goes on.</exception>
    bool Pause();

    /// <summary>Lets a guest that stands still go on; its clock goes on where it stopped.</summary>
    /// <returns>False when the guest does not stand still.</returns>
    bool Resume();

    /// <summary>The map of this moment, with the labels that can be known at it: registers and offered buffers are read only from a guest
    /// that stands still.</summary>
    SharedRegionMap TakeMap();

    /// <summary>What the machine has done so far.</summary>
    MachineStatus Observe();
}
