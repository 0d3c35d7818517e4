using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Registers that <see cref="KvmRun"/> carries with KVM_CAP_SYNC_REGS.</summary>
[CName("struct kvm_sync_regs")]
[StructLayout(LayoutKind.Explicit, Size = 520)]
public struct KvmSyncRegs
{
    /// <summary>General registers.</summary>
    [FieldOffset(0)]
    public KvmRegs Regs;

    /// <summary>System registers.</summary>
    [FieldOffset(144)]
    public KvmSregs Sregs;

    /// <summary>Pending events.</summary>
    [FieldOffset(456)]
    public KvmVcpuEvents Events;
}
