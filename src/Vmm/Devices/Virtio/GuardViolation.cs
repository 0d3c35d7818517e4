using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Guest memory that the guard kept a device from.</summary>
/// <param name="Device">The device: <c>disk0</c>.</param>
/// <param name="Queue">The queue's number.</param>
/// <param name="Part">What the memory was for: <c>buffer</c>, <c>used ring</c>.</param>
/// <param name="Gpa">The first address that was refused.</param>
/// <param name="Cause">Why, and since when: <c>is private since 1.5 s (call 12, vCPU 0)</c>.</param>
public sealed record GuardViolation(string Device, int Queue, string Part, Gpa Gpa, string Cause);
