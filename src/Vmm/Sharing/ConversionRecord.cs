using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>One accepted call that put pages into a state.</summary>
/// <param name="Generation">The tracker's generation after the call: 1 for the first call, without gaps.</param>
/// <param name="Elapsed">Time since <see cref="SharedRegionTrackerOptions.StartTimestamp"/>.</param>
/// <param name="Vcpu">The vCPU that made the call, or -1 when the monitor itself did.</param>
/// <param name="Range">The pages.</param>
/// <param name="State">The state they are in since then.</param>
public readonly record struct ConversionRecord(ulong Generation, TimeSpan Elapsed, int Vcpu, GpaRange Range, PageState State);
