namespace KvmSevVmm.KvmNative.Abi;

/// <summary>Command of KVM_MEMORY_ENCRYPT_OP.</summary>
/// <remarks>Source: enum sev_cmd_id of the kernel header asm/kvm.h, Linux 7.2.</remarks>
[CConstants("KVM_SEV_")]
public enum SevCommandId : uint
{
    /// <summary>Makes the VM a SEV guest; VM type Default only.</summary>
    Init = 0,

    /// <summary>Makes the VM a SEV-ES guest; VM type Default only.</summary>
    EsInit = 1,

    /// <summary>Begins the launch.</summary>
    LaunchStart = 2,

    /// <summary>Encrypts memory in place and measures it.</summary>
    LaunchUpdateData = 3,

    /// <summary>Encrypts and measures the state of every vCPU; SEV-ES.</summary>
    LaunchUpdateVmsa = 4,

    /// <summary>Injects the owner's secret.</summary>
    LaunchSecret = 5,

    /// <summary>Returns the measurement.</summary>
    LaunchMeasure = 6,

    /// <summary>Ends the launch.</summary>
    LaunchFinish = 7,

    /// <summary>Begins sending the guest.</summary>
    SendStart = 8,

    /// <summary>Encrypts memory for transport.</summary>
    SendUpdateData = 9,

    /// <summary>Named by the header; Linux does not implement it.</summary>
    SendUpdateVmsa = 10,

    /// <summary>Ends sending; the guest can no longer run here.</summary>
    SendFinish = 11,

    /// <summary>Begins receiving a guest.</summary>
    ReceiveStart = 12,

    /// <summary>Decrypts transported memory into the guest.</summary>
    ReceiveUpdateData = 13,

    /// <summary>Named by the header; Linux does not implement it.</summary>
    ReceiveUpdateVmsa = 14,

    /// <summary>Ends receiving.</summary>
    ReceiveFinish = 15,

    /// <summary>Returns handle, policy and state.</summary>
    GuestStatus = 16,

    /// <summary>Decrypts guest memory; the policy must allow debugging.</summary>
    DbgDecrypt = 17,

    /// <summary>Encrypts guest memory; the policy must allow debugging.</summary>
    DbgEncrypt = 18,

    /// <summary>Named by the header; Linux does not implement it.</summary>
    CertExport = 19,

    /// <summary>Returns a signed report.</summary>
    GetAttestationReport = 20,

    /// <summary>Takes back SEND_START.</summary>
    SendCancel = 21,

    /// <summary>Makes the VM a SEV, SEV-ES or SNP guest.</summary>
    Init2 = 22,

    /// <summary>Begins the launch; SNP.</summary>
    SnpLaunchStart = 100,

    /// <summary>Puts pages into the guest and measures them; SNP.</summary>
    SnpLaunchUpdate = 101,

    /// <summary>Measures the vCPUs and ends the launch; SNP.</summary>
    SnpLaunchFinish = 102,

    /// <summary>Lets extended guest requests ask the monitor for certificates; SNP.</summary>
    SnpEnableReqCerts = 103,
}
