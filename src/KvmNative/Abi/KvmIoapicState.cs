using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>State of the I/O APIC.</summary>
[CName("struct kvm_ioapic_state")]
[StructLayout(LayoutKind.Explicit, Size = 216)]
public struct KvmIoapicState
{
    /// <summary>Guest physical address of the register window.</summary>
    [FieldOffset(0)]
    public ulong BaseAddress;

    /// <summary>Selected register.</summary>
    [FieldOffset(8)]
    public uint Ioregsel;

    /// <summary>APIC identifier.</summary>
    [FieldOffset(12)]
    public uint Id;

    /// <summary>One bit per asserted pin.</summary>
    [FieldOffset(16)]
    public uint Irr;

    /// <summary>Redirection table, one entry per pin.</summary>
    [FieldOffset(24)]
    public KvmIoapicRedirectEntryArray24 Redirtbl;
}
