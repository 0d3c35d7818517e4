namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>Offsets of the registers of a virtio-mmio device.</summary>
/// <remarks>Source: virtio 1.2, 4.2.2.</remarks>
internal static class VirtioMmioRegister
{
    internal const ulong MagicValue = 0x000;
    internal const ulong Version = 0x004;
    internal const ulong DeviceId = 0x008;
    internal const ulong VendorId = 0x00C;
    internal const ulong DeviceFeatures = 0x010;
    internal const ulong DeviceFeaturesSelect = 0x014;
    internal const ulong DriverFeatures = 0x020;
    internal const ulong DriverFeaturesSelect = 0x024;
    internal const ulong QueueSelect = 0x030;
    internal const ulong QueueSizeMax = 0x034;
    internal const ulong QueueSize = 0x038;
    internal const ulong QueueReady = 0x044;
    internal const ulong QueueNotify = 0x050;
    internal const ulong InterruptStatus = 0x060;
    internal const ulong InterruptAcknowledge = 0x064;
    internal const ulong Status = 0x070;
    internal const ulong QueueDescriptorsLow = 0x080;
    internal const ulong QueueDescriptorsHigh = 0x084;
    internal const ulong QueueDriverLow = 0x090;
    internal const ulong QueueDriverHigh = 0x094;
    internal const ulong QueueDeviceLow = 0x0A0;
    internal const ulong QueueDeviceHigh = 0x0A4;
    internal const ulong SharedMemoryLengthLow = 0x0B0;
    internal const ulong SharedMemoryBaseHigh = 0x0BC;
    internal const ulong ConfigGeneration = 0x0FC;
    internal const ulong Config = 0x100;
}
