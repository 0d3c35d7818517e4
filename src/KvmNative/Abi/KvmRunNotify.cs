using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_NOTIFY: the guest kept the processor from taking events.</summary>
[CName("struct kvm_run", "notify")]
[StructLayout(LayoutKind.Explicit, Size = 4)]
public struct KvmRunNotify
{
    /// <summary>Bit of <see cref="Flags"/>: the vCPU's state is lost.</summary>
    [CName("KVM_NOTIFY_CONTEXT_INVALID")]
    public const uint ContextInvalid = 1;

    /// <summary><see cref="ContextInvalid"/>, or zero.</summary>
    [FieldOffset(0)]
    public uint Flags;
}
