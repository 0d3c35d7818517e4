namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>One buffer that a driver lays into a chain.</summary>
internal readonly record struct DriverBuffer(ulong Address, uint Length, bool IsWritable);
