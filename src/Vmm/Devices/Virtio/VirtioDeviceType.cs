namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What a virtio device is.</summary>
/// <remarks>Source: virtio 1.2, section 5.</remarks>
public enum VirtioDeviceType : uint
{
    /// <summary>No device.</summary>
    None = 0,

    /// <summary>Network card.</summary>
    Network = 1,

    /// <summary>Block device.</summary>
    Block = 2,

    /// <summary>Console.</summary>
    Console = 3,

    /// <summary>Entropy source.</summary>
    Entropy = 4,

    /// <summary>Socket device.</summary>
    Socket = 19,
}
