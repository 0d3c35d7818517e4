using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of SEV_PEK_CSR; packed.</summary>
[CName("struct sev_user_data_pek_csr")]
[StructLayout(LayoutKind.Explicit, Pack = 1, Size = 12)]
public struct SevUserDataPekCsr
{
    /// <summary>Address of the buffer for the signing request.</summary>
    [FieldOffset(0)]
    public ulong Address;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(8)]
    public uint Length;
}
