using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_TPR_ACCESS: the guest accessed its task-priority register.</summary>
[CName("struct kvm_run", "tpr_access")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmRunTprAccess
{
    /// <summary>Whether the guest wrote.</summary>
    public readonly bool IsWrite => IsWriteRaw != 0;

    /// <summary>Address of the instruction.</summary>
    [FieldOffset(0)]
    public ulong Rip;

    /// <summary>Nonzero when the guest wrote.</summary>
    [CName("is_write")]
    [FieldOffset(8)]
    public uint IsWriteRaw;
}
