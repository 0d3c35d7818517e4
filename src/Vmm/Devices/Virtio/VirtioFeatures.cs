namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Feature bits that do not belong to one kind of device.</summary>
/// <remarks>Source: virtio 1.2, section 6.</remarks>
internal static class VirtioFeatures
{
    /// <summary>A descriptor may refer to a table of descriptors.</summary>
    internal const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>Each side says at which index it wants to be notified.</summary>
    internal const ulong EventIndex = 1UL << 29;

    /// <summary>The device follows virtio 1.0 or later.</summary>
    internal const ulong Version1 = 1UL << 32;

    /// <summary>The device reaches memory as the platform says; a driver in an encrypted guest must share what it hands over.</summary>
    internal const ulong AccessPlatform = 1UL << 33;

    /// <summary>What every device here offers.</summary>
    internal const ulong Common = IndirectDescriptors | EventIndex | Version1 | AccessPlatform;
}
