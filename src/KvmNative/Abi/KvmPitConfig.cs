using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_CREATE_PIT2.</summary>
[CName("struct kvm_pit_config")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmPitConfig
{
    /// <summary>KVM_PIT_SPEAKER_DUMMY (1): answer port 0x61 in the kernel.</summary>
    [FieldOffset(0)]
    public uint Flags;
}
