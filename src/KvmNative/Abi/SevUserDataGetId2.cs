using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of SEV_GET_ID2; packed.</summary>
[CName("struct sev_user_data_get_id2")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 12)]
public struct SevUserDataGetId2
{
    /// <summary>Address of the buffer for the identifiers.</summary>
    [FieldOffset(0)]
    public ulong Address;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(8)]
    public uint Length;
}
