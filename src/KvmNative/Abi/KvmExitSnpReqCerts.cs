using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>KVM_EXIT_SNP_REQ_CERTS: a SNP guest asked for the host's certificates.</summary>
[CName("struct kvm_exit_snp_req_certs")]
[StructLayout(LayoutKind.Explicit, Size = 24)]
public struct KvmExitSnpReqCerts
{
    /// <summary>Guest physical address of the buffer.</summary>
    [FieldOffset(0)]
    public ulong Gpa;

    /// <summary>Pages of the buffer; the monitor writes the count that it needs.</summary>
    [FieldOffset(8)]
    public ulong Npages;

    /// <summary>Result that the monitor writes.</summary>
    [FieldOffset(16)]
    public ulong Ret;
}
