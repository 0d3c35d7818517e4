namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// Whose hand a launch shows: each monitor, and each way of Linux to make a guest, leaves its own registers and page order.
/// </summary>
public enum VmsaProfile
{
    /// <summary>QEMU with KVM_SEV_INIT or KVM_SEV_ES_INIT, or a host kernel before 6.10: MXCSR and FCW are 0.</summary>
    QemuLegacyInit = 1,

    /// <summary>QEMU with KVM_SEV_INIT2 on a host kernel from 6.10 on: MXCSR 0x1f80 and FCW 0x37f.</summary>
    QemuInit2 = 2,

    /// <summary>Amazon EC2; its CPUID page comes last.</summary>
    Ec2 = 3,

    /// <summary>Amazon EC2 as it was at first: RDX is 0.</summary>
    Ec2Early = 4,

    /// <summary>Google Compute Engine; its SEC_MEM pages are unmeasured.</summary>
    Gce = 5,
}
