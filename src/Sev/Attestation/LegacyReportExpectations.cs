using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>What a verifier of a legacy attestation report knows beforehand. What is null is recorded as not checked.</summary>
public sealed record LegacyReportExpectations
{
    /// <summary>The certificate of the key that must have signed the report.</summary>
    public required SevCertificate Pek { get; init; }

    /// <summary>The platform's certificates, which must hold that very PEK.</summary>
    public SevCertificateChain? Chain { get; init; }

    /// <summary>The root keys that the chain may end at.</summary>
    public TrustAnchors Anchors { get; init; } = TrustAnchors.AmdOnly;

    /// <summary>The nonce that was sent with the request, 16 bytes.</summary>
    public ReadOnlyMemory<byte>? Nonce { get; init; }

    /// <summary>SHA-256 over everything that should have been launched, 32 bytes.</summary>
    public ReadOnlyMemory<byte>? LaunchDigest { get; init; }

    /// <summary>The policy that the guest should have.</summary>
    public SevPolicy? Policy { get; init; }
}
