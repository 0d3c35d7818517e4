using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_SYSTEM_EVENT: the guest asked for something of the whole machine.</summary>
[CName("struct kvm_run", "system_event")]
[StructLayout(LayoutKind.Explicit, Size = 136)]
public struct KvmRunSystemEvent
{
    /// <summary>A <see cref="KvmSystemEventType"/>.</summary>
    [FieldOffset(0)]
    public uint Type;

    /// <summary>Count of valid words in <see cref="Data"/>, with KVM_CAP_SYSTEM_EVENT_DATA.</summary>
    [FieldOffset(4)]
    public uint Ndata;

    /// <summary>Older kernels: flags of the event.</summary>
    [FieldOffset(8)]
    public ulong Flags;

    /// <summary>Words whose meaning depends on the type; for SEV_TERM the GHCB MSR value.</summary>
    [FieldOffset(8)]
    public ULongs16 Data;
}
