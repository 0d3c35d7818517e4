namespace KvmSevVmm.Sev.Attestation;

/// <summary>What a guest and the firmware say to each other.</summary>
/// <remarks>Source: AMD SNP ABI 56860, message types.</remarks>
public enum GuestMessageType : byte
{
    /// <summary>MSG_CPUID_REQ.</summary>
    CpuidRequest = 1,

    /// <summary>MSG_CPUID_RSP.</summary>
    CpuidResponse = 2,

    /// <summary>MSG_KEY_REQ: asks for a derived key.</summary>
    KeyRequest = 3,

    /// <summary>MSG_KEY_RSP.</summary>
    KeyResponse = 4,

    /// <summary>MSG_REPORT_REQ: asks for an attestation report.</summary>
    ReportRequest = 5,

    /// <summary>MSG_REPORT_RSP.</summary>
    ReportResponse = 6,
}
