using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>What a verifier of a SEV-SNP report knows beforehand. What is null is recorded as not checked.</summary>
public sealed record SnpReportExpectations
{
    /// <summary>The certificates from AMD's root key to the key that signed the report.</summary>
    public AmdX509Chain? Chain { get; init; }

    /// <summary>The root keys that the chain may end at.</summary>
    public TrustAnchors Anchors { get; init; } = TrustAnchors.AmdOnly;

    /// <summary>The moment for which certificates must be valid.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>AMD's list of revoked certificates.</summary>
    public CertificateRevocationList? Revocations { get; init; }

    /// <summary>
    /// The cloud provider whose VLEK is accepted, as its certificate names it, with or without <c>CN=</c>; of no account for a VCEK.
    /// </summary>
    public string? Provider { get; init; }

    /// <summary>The chip that the guest must run on, 64 bytes.</summary>
    public ReadOnlyMemory<byte>? ChipId { get; init; }

    /// <summary>The launch digests that are accepted, 48 bytes each.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? Measurements { get; init; }

    /// <summary>
    /// What the guest must have put into its request, 64 bytes: the nonce that makes the report fresh, a key of the guest's.
    /// </summary>
    public ReadOnlyMemory<byte>? ReportData { get; init; }

    /// <summary>What the host must have given at the launch, 32 bytes.</summary>
    public ReadOnlyMemory<byte>? HostData { get; init; }

    /// <summary>SHA-384 of the ID key, 48 bytes; zeros to demand that there was none.</summary>
    public ReadOnlyMemory<byte>? IdKeyDigest { get; init; }

    /// <summary>SHA-384 of the author key, 48 bytes; zeros to demand that there was none.</summary>
    public ReadOnlyMemory<byte>? AuthorKeyDigest { get; init; }

    /// <summary>The name for the family of guests, 16 bytes.</summary>
    public ReadOnlyMemory<byte>? FamilyId { get; init; }

    /// <summary>The name for the guest's image, 16 bytes.</summary>
    public ReadOnlyMemory<byte>? ImageId { get; init; }

    /// <summary>The least security version of the guest.</summary>
    public uint? MinimumGuestSvn { get; init; }

    /// <summary>The privilege level that must have asked.</summary>
    public uint? Vmpl { get; init; }

    /// <summary>The very policy that the guest must have.</summary>
    public SnpPolicy? Policy { get; init; }

    /// <summary>Whether the policy may let the host debug the guest.</summary>
    public bool AllowDebug { get; init; }

    /// <summary>Whether the policy may let a migration agent into the guest.</summary>
    public bool AllowMigrationAgent { get; init; }

    /// <summary>Whether the policy may allow simultaneous multithreading.</summary>
    public bool? AllowSmt { get; init; }

    /// <summary>The SNP ABI that the policy must demand at least; the build does not count.</summary>
    public SnpFirmwareVersion? MinimumPolicyAbi { get; init; }

    /// <summary>The least TCB version: reported and committed.</summary>
    public TcbVersion? MinimumTcb { get; init; }

    /// <summary>The least SNP firmware: current and committed.</summary>
    public SnpFirmwareVersion? MinimumFirmware { get; init; }

    /// <summary>Bits of PLATFORM_INFO that must be set.</summary>
    public ulong? RequiredPlatformInfo { get; init; }
}
