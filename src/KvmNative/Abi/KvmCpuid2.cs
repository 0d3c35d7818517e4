using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Header of the CPUID ioctls; <see cref="KvmCpuidEntry2"/> values follow.</summary>
[CName("struct kvm_cpuid2")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmCpuid2
{
    /// <summary>Count of entries that follow.</summary>
    [FieldOffset(0)]
    public uint Nent;
}
