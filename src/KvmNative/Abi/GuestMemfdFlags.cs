namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Flags of KVM_CREATE_GUEST_MEMFD; KVM_CAP_GUEST_MEMFD_FLAGS lists those that the kernel takes.</summary>
[Flags]
[CConstants("GUEST_MEMFD_FLAG_")]
public enum GuestMemfdFlags : ulong
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The monitor may map the file.</summary>
    Mmap = 1,

    /// <summary>Pages start shared.</summary>
    InitShared = 2,
}
