using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Message-signalled interrupt (KVM_SIGNAL_MSI).</summary>
[CName("struct kvm_msi")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmMsi
{
    /// <summary>Low half of the message address.</summary>
    [FieldOffset(0)]
    public uint AddressLo;

    /// <summary>High half of the message address.</summary>
    [FieldOffset(4)]
    public uint AddressHi;

    /// <summary>Message data.</summary>
    [FieldOffset(8)]
    public uint Data;

    /// <summary>Zero, or KVM_MSI_VALID_DEVID (1).</summary>
    [FieldOffset(12)]
    public uint Flags;

    /// <summary>Device identifier.</summary>
    [FieldOffset(16)]
    public uint Devid;
}
