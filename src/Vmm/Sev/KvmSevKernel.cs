using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The SEV commands of a real VM.</summary>
internal sealed class KvmSevKernel : ISevKernel
{
    private readonly KvmVm _vm;
    private readonly SevDevice _device;

    /// <summary>Joins a VM and the firmware's device; both stay the caller's and outlive this object.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="device">/dev/sev. KVM remembers its number, so it stays open as long as the VM.</param>
    internal KvmSevKernel(KvmVm vm, SevDevice device)
    {
        // A structure that somebody forgot to fill says 0; so 0 is never the device, and a command without it cannot pass by accident.
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(device.Descriptor, 0, nameof(device));
        _vm = vm;
        _device = device;
    }

    /// <inheritdoc/>
    public void Issue<T>(SevCommandId id, ref T payload)
        where T : unmanaged =>
        _vm.MemoryEncrypt(id, ref payload, _device.Descriptor);

    /// <inheritdoc/>
    public void Issue(SevCommandId id) => _vm.MemoryEncrypt(id, _device.Descriptor);

    /// <inheritdoc/>
    public void RegisterRegion(nuint hostAddress, ulong length) => _vm.RegisterEncryptedRegion(hostAddress, length);

    /// <inheritdoc/>
    public void UnregisterRegion(nuint hostAddress, ulong length) => _vm.UnregisterEncryptedRegion(hostAddress, length);

    /// <inheritdoc/>
    public void SetMemoryAttributes(ulong gpa, ulong length, ulong attributes) => _vm.SetMemoryAttributes(gpa, length, attributes);
}
