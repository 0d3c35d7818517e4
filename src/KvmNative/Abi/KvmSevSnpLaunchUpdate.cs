using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_SNP_LAUNCH_UPDATE; the kernel advances them by what it did.</summary>
[CName("struct kvm_sev_snp_launch_update")]
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct KvmSevSnpLaunchUpdate
{
    /// <summary>First guest frame number.</summary>
    [FieldOffset(0)]
    public ulong GfnStart;

    /// <summary>Address of the source data; ignored for zero pages.</summary>
    [FieldOffset(8)]
    public ulong Uaddr;

    /// <summary>Bytes that remain; a multiple of 4096.</summary>
    [FieldOffset(16)]
    public ulong Len;

    /// <summary>A <see cref="SnpPageType"/>.</summary>
    [FieldOffset(24)]
    public byte Type;

    /// <summary>Zero.</summary>
    [FieldOffset(26)]
    public ushort Flags;
}
