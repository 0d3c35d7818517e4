namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>What a vsock packet does.</summary>
/// <remarks>Source: virtio 1.2, 5.10.6.</remarks>
internal enum VsockOperation : ushort
{
    Invalid = 0,
    Request = 1,
    Response = 2,
    Reset = 3,
    Shutdown = 4,
    Data = 5,
    CreditUpdate = 6,
    CreditRequest = 7,
}
