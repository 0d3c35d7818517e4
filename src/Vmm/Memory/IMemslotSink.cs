namespace KvmSevVmm.Vmm.Memory;

/// <summary>What <see cref="Memslots"/> needs of a VM; a seam, so that tests can watch it.</summary>
public interface IMemslotSink
{
    /// <summary>Creates, changes or (with a size of 0) removes a slot: KVM_SET_USER_MEMORY_REGION.</summary>
    /// <param name="slot">The slot's number.</param>
    /// <param name="flags">KVM_MEM_* bits.</param>
    /// <param name="guestAddress">First guest address, with the C-bit where the slot is an alias.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="hostAddress">Host virtual address.</param>
    void SetUserMemoryRegion(uint slot, uint flags, ulong guestAddress, ulong size, nuint hostAddress);

    /// <summary>Fetches and clears the dirty bitmap of a slot: KVM_GET_DIRTY_LOG.</summary>
    /// <param name="slot">The slot's number.</param>
    /// <param name="bitmap">One bit a page, overwritten.</param>
    void GetDirtyLog(uint slot, Span<ulong> bitmap);
}
