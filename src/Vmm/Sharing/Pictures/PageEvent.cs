using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing.Pictures;

/// <summary>A conversion that the time slider of a page can stop at.</summary>
/// <param name="Elapsed">When, counted from the monitor's start.</param>
/// <param name="Vcpu">The vCPU that asked; -1 for the launch.</param>
/// <param name="Range">The pages.</param>
/// <param name="State">The state that they are in since then.</param>
public readonly record struct PageEvent(TimeSpan Elapsed, int Vcpu, GpaRange Range, PageState State);
