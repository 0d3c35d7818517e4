using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>KVM_GET_MSRS and KVM_SET_MSRS, which take a counted list.</summary>
internal static class MsrTransfer
{
    /// <summary>Reads the MSRs named in <paramref name="entries"/>.</summary>
    /// <param name="fd">The vCPU, or the KVM device for feature MSRs.</param>
    /// <param name="entries">The indices on entry, the values on return.</param>
    /// <returns>The number of MSRs read before the first that the kernel refused.</returns>
    internal static int Get(FdHandle fd, Span<KvmMsrEntry> entries)
    {
        using VariableArray<KvmMsrs, KvmMsrEntry> list = new(entries.Length);
        list.Header.Nmsrs = (uint)entries.Length;
        entries.CopyTo(list.Entries);
        int count = Ioctl.Call(fd, IoctlNumbers.GetMsrs, list.Address);
        list.Entries[..count].CopyTo(entries);
        return count;
    }

    /// <summary>Writes MSRs, in order.</summary>
    /// <param name="fd">The vCPU.</param>
    /// <param name="entries">Indices and values.</param>
    /// <returns>The number of MSRs written before the first that the kernel refused.</returns>
    internal static int Set(FdHandle fd, ReadOnlySpan<KvmMsrEntry> entries)
    {
        using VariableArray<KvmMsrs, KvmMsrEntry> list = new(entries.Length);
        list.Header.Nmsrs = (uint)entries.Length;
        entries.CopyTo(list.Entries);
        return Ioctl.Call(fd, IoctlNumbers.SetMsrs, list.Address);
    }
}
