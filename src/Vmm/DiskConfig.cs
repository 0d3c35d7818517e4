namespace KvmSevVmm.Vmm;

/// <summary>A disk of the guest.</summary>
/// <param name="Path">A raw image or a block device.</param>
/// <param name="IsReadOnly">Whether the guest may only read it.</param>
/// <param name="QueueCount">How many queues it has.</param>
public sealed record DiskConfig(string Path, bool IsReadOnly = false, int QueueCount = 1);
