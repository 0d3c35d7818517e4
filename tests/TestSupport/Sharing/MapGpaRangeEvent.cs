namespace KvmSevVmm.TestSupport.Sharing;

/// <summary>One <c>map-gpa-range</c> line of an event log.</summary>
/// <param name="Seconds">Time since the start.</param>
/// <param name="Vcpu">The vCPU.</param>
/// <param name="Gpa">First argument.</param>
/// <param name="Pages">Second argument.</param>
/// <param name="Attributes">Third argument.</param>
/// <param name="Result">What the guest got.</param>
public sealed record MapGpaRangeEvent(decimal Seconds, int Vcpu, ulong Gpa, ulong Pages, ulong Attributes, long Result);
