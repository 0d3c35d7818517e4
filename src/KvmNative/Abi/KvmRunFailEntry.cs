using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_FAIL_ENTRY: the processor refused to enter the guest.</summary>
[CName("struct kvm_run", "fail_entry")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmRunFailEntry
{
    /// <summary>The processor's code.</summary>
    [FieldOffset(0)]
    public ulong HardwareEntryFailureReason;

    /// <summary>Host processor that refused.</summary>
    [FieldOffset(8)]
    public uint Cpu;
}
