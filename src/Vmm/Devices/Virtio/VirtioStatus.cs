namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>The device status field.</summary>
/// <remarks>Source: virtio 1.2, 2.1.</remarks>
[Flags]
public enum VirtioStatus : uint
{
    /// <summary>Reset.</summary>
    None = 0,

    /// <summary>The guest has noticed the device.</summary>
    Acknowledge = 1,

    /// <summary>The guest has a driver for it.</summary>
    Driver = 2,

    /// <summary>The driver works: queues may be used.</summary>
    DriverOk = 4,

    /// <summary>Both sides agree on the features.</summary>
    FeaturesOk = 8,

    /// <summary>The device cannot go on until it is reset.</summary>
    NeedsReset = 0x40,

    /// <summary>The driver has given up.</summary>
    Failed = 0x80,
}
