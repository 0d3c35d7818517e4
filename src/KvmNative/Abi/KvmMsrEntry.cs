using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One model-specific register and its value.</summary>
[CName("struct kvm_msr_entry")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmMsrEntry
{
    /// <summary>MSR number.</summary>
    [FieldOffset(0)]
    public uint Index;

    /// <summary>Its value.</summary>
    [FieldOffset(8)]
    public ulong Data;
}
