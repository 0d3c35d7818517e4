using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Result of SEV_GET_ID, which SEV_GET_ID2 replaces; packed.</summary>
[CName("struct sev_user_data_get_id")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 128)]
public struct SevUserDataGetId
{
    /// <summary>Identifier of the first socket.</summary>
    [FieldOffset(0)]
    public Bytes64 Socket1;

    /// <summary>Identifier of the second socket.</summary>
    [FieldOffset(64)]
    public Bytes64 Socket2;
}
