using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Eventfd that raises an interrupt (KVM_IRQFD).</summary>
[CName("struct kvm_irqfd")]
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct KvmIrqfd
{
    /// <summary>The eventfd.</summary>
    [FieldOffset(0)]
    public uint Fd;

    /// <summary>Global system interrupt.</summary>
    [FieldOffset(4)]
    public uint Gsi;

    /// <summary>See <see cref="KvmIrqfdFlags"/>.</summary>
    [FieldOffset(8)]
    public uint Flags;

    /// <summary>Eventfd signalled at end of interrupt, with <see cref="KvmIrqfdFlags.Resample"/>.</summary>
    [FieldOffset(12)]
    public uint Resamplefd;
}
