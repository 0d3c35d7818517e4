using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>One redirection entry of an I/O APIC.</summary>
[CName("struct kvm_ioapic_state", "redirtbl[0]")]
[StructLayout(LayoutKind.Explicit, Size = 8)]
public struct KvmIoapicRedirectEntry
{
    /// <summary>The whole entry.</summary>
    [FieldOffset(0)]
    public ulong Bits;

    /// <summary>Interrupt vector.</summary>
    [CName("fields.vector")]
    [FieldOffset(0)]
    public byte Vector;

    /// <summary>Destination APIC identifier.</summary>
    [CName("fields.dest_id")]
    [FieldOffset(7)]
    public byte DestId;
}
