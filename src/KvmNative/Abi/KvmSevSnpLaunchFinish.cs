using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Parameters of KVM_SEV_SNP_LAUNCH_FINISH.</summary>
[CName("struct kvm_sev_snp_launch_finish")]
[StructLayout(LayoutKind.Explicit, Size = 88)]
public struct KvmSevSnpLaunchFinish
{
    /// <summary>Address of the 96-byte ID block.</summary>
    [FieldOffset(0)]
    public ulong IdBlockUaddr;

    /// <summary>Address of the 4096-byte ID authentication block.</summary>
    [FieldOffset(8)]
    public ulong IdAuthUaddr;

    /// <summary>One when the ID block counts.</summary>
    [FieldOffset(16)]
    public byte IdBlockEn;

    /// <summary>One when the author key counts.</summary>
    [FieldOffset(17)]
    public byte AuthKeyEn;

    /// <summary>One forbids reports signed with the VCEK.</summary>
    [FieldOffset(18)]
    public byte VcekDisabled;

    /// <summary>Data of the host that every report repeats.</summary>
    [FieldOffset(19)]
    public Bytes32 HostData;

    /// <summary>Zero.</summary>
    [FieldOffset(54)]
    public ushort Flags;
}
