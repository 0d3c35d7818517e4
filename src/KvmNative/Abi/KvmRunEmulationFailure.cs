using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_INTERNAL_ERROR with <see cref="KvmInternalError.Emulation"/>: an instruction that the kernel cannot emulate.</summary>
[CName("struct kvm_run", "emulation_failure")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmRunEmulationFailure
{
    /// <summary>Bit of <see cref="Flags"/>: the instruction fields are valid.</summary>
    [CName("KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES")]
    public const ulong InstructionBytes = 1;

    /// <summary><see cref="KvmInternalError.Emulation"/>.</summary>
    [FieldOffset(0)]
    public uint Suberror;

    /// <summary>Count of valid 64-bit words from <see cref="Flags"/> on.</summary>
    [FieldOffset(4)]
    public uint Ndata;

    /// <summary><see cref="InstructionBytes"/>, or zero.</summary>
    [FieldOffset(8)]
    public ulong Flags;

    /// <summary>Count of valid bytes in <see cref="InsnBytes"/>.</summary>
    [FieldOffset(16)]
    public byte InsnSize;

    /// <summary>The instruction.</summary>
    [FieldOffset(17)]
    public Bytes15 InsnBytes;
}
