using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>The memslots of a real VM.</summary>
/// <param name="vm">The VM; stays the caller's.</param>
internal sealed class KvmMemslotSink(KvmVm vm) : IMemslotSink
{
    /// <inheritdoc/>
    public void SetUserMemoryRegion(uint slot, uint flags, ulong guestAddress, ulong size, nuint hostAddress) =>
        vm.SetUserMemoryRegion(slot, flags, guestAddress, size, hostAddress);

    /// <inheritdoc/>
    public void GetDirtyLog(uint slot, Span<ulong> bitmap) => vm.GetDirtyLog(slot, bitmap);
}
