namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a KVM hypercall returns in RAX.</summary>
/// <remarks>Source: kernel header linux/kvm_para.h.</remarks>
public static class HypercallResult
{
    /// <summary>Accepted.</summary>
    public const ulong Success = 0;

    /// <summary>-KVM_EINVAL: an argument is wrong.</summary>
    public const ulong InvalidArgument = unchecked((ulong)-22L);

    /// <summary>-KVM_ENOSYS: no such hypercall.</summary>
    public const ulong NoSuchCall = unchecked((ulong)-1000L);
}
