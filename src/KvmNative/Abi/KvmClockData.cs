using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>The guest's kvm-clock (KVM_GET_CLOCK, KVM_SET_CLOCK).</summary>
[CName("struct kvm_clock_data")]
[StructLayout(LayoutKind.Explicit, Size = 48)]
public struct KvmClockData
{
    /// <summary>Guest time in nanoseconds.</summary>
    [FieldOffset(0)]
    public ulong Clock;

    /// <summary>See <see cref="KvmClockFlags"/>.</summary>
    [FieldOffset(8)]
    public uint Flags;

    /// <summary>Host CLOCK_REALTIME in nanoseconds, with <see cref="KvmClockFlags.Realtime"/>.</summary>
    [FieldOffset(16)]
    public ulong Realtime;

    /// <summary>Host time-stamp counter, with <see cref="KvmClockFlags.HostTsc"/>.</summary>
    [FieldOffset(24)]
    public ulong HostTsc;
}
