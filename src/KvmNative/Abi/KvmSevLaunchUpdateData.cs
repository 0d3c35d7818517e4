using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_LAUNCH_UPDATE_DATA.</summary>
[CName("struct kvm_sev_launch_update_data")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmSevLaunchUpdateData
{
    /// <summary>Host virtual address of guest memory; a multiple of 16.</summary>
    [FieldOffset(0)]
    public ulong Uaddr;

    /// <summary>Bytes; a multiple of 16.</summary>
    [FieldOffset(8)]
    public uint Len;
}
