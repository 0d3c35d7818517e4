namespace KvmSevVmm.Sev.Firmware;

/// <summary>One entry of a firmware image's GUID table.</summary>
/// <param name="Id">What the entry is; see <see cref="OvmfTableIds"/>.</param>
/// <param name="Data">The entry's data, without its length and GUID.</param>
public sealed record OvmfTableEntry(Guid Id, ReadOnlyMemory<byte> Data)
{
    /// <summary>What people call the entry; null for an unknown one.</summary>
    public string? Name => OvmfTableIds.GetName(Id);
}
