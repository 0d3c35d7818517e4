namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>The last byte of each block request.</summary>
/// <remarks>Source: virtio 1.2, 5.2.6.</remarks>
internal enum BlockStatus : byte
{
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}
