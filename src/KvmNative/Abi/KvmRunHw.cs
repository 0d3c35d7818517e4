using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_UNKNOWN: the processor reported an exit that the kernel does not know.</summary>
[CName("struct kvm_run", "hw")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmRunHw
{
    /// <summary>The processor's exit code.</summary>
    [FieldOffset(0)]
    public ulong HardwareExitReason;
}
