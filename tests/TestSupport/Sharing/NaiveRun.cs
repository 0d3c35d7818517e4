namespace KvmSevVmm.TestSupport.Sharing;

/// <summary>A maximal run of a <see cref="NaiveMap"/>.</summary>
/// <param name="Start">First address.</param>
/// <param name="End">First address behind it.</param>
/// <param name="State">The word of the map format: private, shared, unreported.</param>
public readonly record struct NaiveRun(ulong Start, ulong End, string State);
