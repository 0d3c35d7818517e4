using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_X86_RDMSR and KVM_EXIT_X86_WRMSR: an MSR access that KVM_CAP_X86_USER_SPACE_MSR hands over.</summary>
[CName("struct kvm_run", "msr")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmRunMsr
{
    /// <summary>Nonzero gives the guest a general-protection fault.</summary>
    [FieldOffset(0)]
    public byte Error;

    /// <summary>See <see cref="KvmMsrExitReason"/>.</summary>
    [FieldOffset(8)]
    public uint Reason;

    /// <summary>MSR number.</summary>
    [FieldOffset(12)]
    public uint Index;

    /// <summary>The value: from the guest on a write, for the guest on a read.</summary>
    [FieldOffset(16)]
    public ulong Data;
}
