using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_LAUNCH_MEASURE.</summary>
[CName("struct kvm_sev_launch_measure")]
[StructLayout(LayoutKind.Explicit, Size = 16)]
public struct KvmSevLaunchMeasure
{
    /// <summary>Address of the buffer: 32 bytes of measurement and 16 bytes of nonce.</summary>
    [FieldOffset(0)]
    public ulong Uaddr;

    /// <summary>Room in bytes; zero asks for the length.</summary>
    [FieldOffset(8)]
    public uint Len;
}
