using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Memory;

/// <summary>Memslots of a real VM.</summary>
public sealed class VmMemslotSink : IMemslotSink
{
    private readonly KvmVm _vm;

    /// <summary>Makes the sink.</summary>
    /// <param name="vm">The VM.</param>
    public VmMemslotSink(KvmVm vm)
    {
        _vm = vm;
    }

    /// <inheritdoc/>
    public void SetUserMemoryRegion(uint slot, uint flags, ulong guestAddress, ulong size, nuint hostAddress) =>
        _vm.SetUserMemoryRegion(slot, flags, guestAddress, size, hostAddress);

    /// <inheritdoc/>
    public void GetDirtyLog(uint slot, Span<ulong> bitmap) => _vm.GetDirtyLog(slot, bitmap);
}
