namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What a block request asks for.</summary>
/// <remarks>Source: virtio 1.2, 5.2.6.</remarks>
internal enum BlockRequestType : uint
{
    Read = 0,
    Write = 1,
    Flush = 4,
    GetId = 8,
    Discard = 11,
    WriteZeroes = 13,
}
