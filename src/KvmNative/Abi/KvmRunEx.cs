using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_EXCEPTION: an exception that the kernel hands over; unused on x86.</summary>
[CName("struct kvm_run", "ex")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmRunEx
{
    /// <summary>Vector.</summary>
    [FieldOffset(0)]
    public uint Exception;

    /// <summary>Error code.</summary>
    [FieldOffset(4)]
    public uint ErrorCode;
}
