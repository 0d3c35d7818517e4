namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What became of a device's attempt to process one chain.</summary>
public enum QueueProgress
{
    /// <summary>The driver offers none.</summary>
    Idle = 0,

    /// <summary>One was processed; there may be more.</summary>
    Processed = 1,

    /// <summary>The host's side has nothing, or takes nothing, now; the device goes on by itself when that changes.</summary>
    Blocked = 2,
}
