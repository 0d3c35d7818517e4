using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_IO: the guest accessed a port.</summary>
[CName("struct kvm_run", "io")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmRunIo
{
    /// <summary><see cref="Direction"/> of IN: the monitor supplies the data.</summary>
    [CName("KVM_EXIT_IO_IN")]
    public const byte DirectionIn = 0;

    /// <summary><see cref="Direction"/> of OUT: the guest supplies the data.</summary>
    [CName("KVM_EXIT_IO_OUT")]
    public const byte DirectionOut = 1;

    /// <summary>Whether the guest wrote.</summary>
    public readonly bool IsWrite => Direction == DirectionOut;

    /// <summary><see cref="DirectionIn"/> or <see cref="DirectionOut"/>.</summary>
    [FieldOffset(0)]
    public byte Direction;

    /// <summary>Bytes of one access: 1, 2 or 4.</summary>
    [FieldOffset(1)]
    public byte Size;

    /// <summary>Port number.</summary>
    [FieldOffset(2)]
    public ushort Port;

    /// <summary>Count of accesses of a string instruction.</summary>
    [FieldOffset(4)]
    public uint Count;

    /// <summary>Where the data stand, in bytes from the start of kvm_run.</summary>
    [FieldOffset(8)]
    public ulong DataOffset;
}
