using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>State of one 8254 channel.</summary>
[CName("struct kvm_pit_channel_state")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmPitChannelState
{
    /// <summary>Reload value, 1 to 65536.</summary>
    [FieldOffset(0)]
    public uint Count;

    /// <summary>Latched counter.</summary>
    [FieldOffset(4)]
    public ushort LatchedCount;

    /// <summary>Latch state of the counter.</summary>
    [FieldOffset(6)]
    public byte CountLatched;

    /// <summary>The status is latched.</summary>
    [FieldOffset(7)]
    public byte StatusLatched;

    /// <summary>Latched status byte.</summary>
    [FieldOffset(8)]
    public byte Status;

    /// <summary>Byte that the next read returns.</summary>
    [FieldOffset(9)]
    public byte ReadState;

    /// <summary>Byte that the next write sets.</summary>
    [FieldOffset(10)]
    public byte WriteState;

    /// <summary>Low byte of a 16-bit write.</summary>
    [FieldOffset(11)]
    public byte WriteLatch;

    /// <summary>Access mode.</summary>
    [FieldOffset(12)]
    public byte RwMode;

    /// <summary>Counting mode, 0 to 5.</summary>
    [FieldOffset(13)]
    public byte Mode;

    /// <summary>Counts in BCD.</summary>
    [FieldOffset(14)]
    public byte Bcd;

    /// <summary>Gate input.</summary>
    [FieldOffset(15)]
    public byte Gate;

    /// <summary>Host time of the last load, in nanoseconds.</summary>
    [FieldOffset(16)]
    public long CountLoadTime;
}
