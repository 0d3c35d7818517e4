using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>One buffer of a chain: checked to lie in one range of RAM.</summary>
/// <param name="Start">First address.</param>
/// <param name="Length">Bytes, at least 1.</param>
internal readonly record struct GuestBuffer(Gpa Start, uint Length);
