using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Host memory that a SEV guest encrypts (KVM_MEMORY_ENCRYPT_REG_REGION, KVM_MEMORY_ENCRYPT_UNREG_REGION).</summary>
/// <remarks>The kernel pins the pages; unregistering needs exactly the address and size of a registration.</remarks>
[CName("struct kvm_enc_region")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmEncRegion
{
    /// <summary>Host virtual address.</summary>
    [FieldOffset(0)]
    public ulong Addr;

    /// <summary>Bytes.</summary>
    [FieldOffset(8)]
    public ulong Size;
}
