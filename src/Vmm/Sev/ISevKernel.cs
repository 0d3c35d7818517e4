using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What the SEV commands need of a VM; a seam, so that tests can watch the very structures that the kernel would get.</summary>
internal interface ISevKernel
{
    /// <summary>Issues a command that has a structure.</summary>
    /// <typeparam name="T">The structure.</typeparam>
    /// <param name="id">The command.</param>
    /// <param name="payload">The structure; what the kernel writes back is there after a failure too.</param>
    /// <exception cref="KvmNative.Errors.SevCommandException">The kernel or the firmware refused.</exception>
    void Issue<T>(SevCommandId id, ref T payload)
        where T : unmanaged;

    /// <summary>Issues a command without a structure.</summary>
    /// <param name="id">The command.</param>
    /// <exception cref="KvmNative.Errors.SevCommandException">The kernel or the firmware refused.</exception>
    void Issue(SevCommandId id);

    /// <summary>KVM_MEMORY_ENCRYPT_REG_REGION.</summary>
    /// <param name="hostAddress">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="KvmNative.Errors.KvmException">The kernel refused.</exception>
    void RegisterRegion(nuint hostAddress, ulong length);

    /// <summary>KVM_MEMORY_ENCRYPT_UNREG_REGION.</summary>
    /// <param name="hostAddress">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="KvmNative.Errors.KvmException">The kernel refused.</exception>
    void UnregisterRegion(nuint hostAddress, ulong length);

    /// <summary>KVM_SET_MEMORY_ATTRIBUTES.</summary>
    /// <param name="gpa">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="attributes">KVM_MEMORY_ATTRIBUTE_* bits.</param>
    /// <exception cref="KvmNative.Errors.KvmException">The kernel refused.</exception>
    void SetMemoryAttributes(ulong gpa, ulong length, ulong attributes);
}
