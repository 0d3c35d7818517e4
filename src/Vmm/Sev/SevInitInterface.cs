namespace KvmSevVmm.Vmm.Sev;

/// <summary>How a SEV or SEV-ES machine is made: the launch digest of a SEV-ES guest depends on it.</summary>
public enum SevInitInterface
{
    /// <summary>What the kernel has: <see cref="Init2"/> where it is offered, else <see cref="Legacy"/>.</summary>
    Auto = 0,

    /// <summary>A VM of type DEFAULT with KVM_SEV_INIT or KVM_SEV_ES_INIT: every kernel with SEV.</summary>
    Legacy,

    /// <summary>A VM of type SEV or SEV-ES with KVM_SEV_INIT2: Linux 6.10 or newer.</summary>
    Init2,
}
