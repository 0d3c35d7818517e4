using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One CPUID leaf or subleaf.</summary>
[CName("struct kvm_cpuid_entry2")]
[StructLayout(LayoutKind.Explicit, Size = 40)]
public struct KvmCpuidEntry2
{
    /// <summary>Leaf, the EAX input.</summary>
    [FieldOffset(0)]
    public uint Function;

    /// <summary>Subleaf, the ECX input; counts with <see cref="KvmCpuidFlags.SignifcantIndex"/>.</summary>
    [FieldOffset(4)]
    public uint Index;

    /// <summary>See <see cref="KvmCpuidFlags"/>.</summary>
    [FieldOffset(8)]
    public uint Flags;

    /// <summary>EAX output.</summary>
    [FieldOffset(12)]
    public uint Eax;

    /// <summary>EBX output.</summary>
    [FieldOffset(16)]
    public uint Ebx;

    /// <summary>ECX output.</summary>
    [FieldOffset(20)]
    public uint Ecx;

    /// <summary>EDX output.</summary>
    [FieldOffset(24)]
    public uint Edx;
}
