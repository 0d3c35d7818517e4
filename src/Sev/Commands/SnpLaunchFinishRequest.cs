namespace KvmSevVmm.Sev.Commands;

/// <summary>Parameters of SNP_LAUNCH_FINISH.</summary>
/// <param name="IdBlock">The owner's ID block, 96 bytes; empty for none.</param>
/// <param name="IdAuthentication">Its signatures and keys, 4096 bytes; empty exactly when the ID block is.</param>
/// <param name="HasAuthorKey">True when the authentication holds an author key too.</param>
/// <param name="IsVcekDisabled">True to forbid reports signed with the VCEK.</param>
/// <param name="HostData">32 bytes of the host that every report repeats, or empty for zeros.</param>
public readonly record struct SnpLaunchFinishRequest(
    ReadOnlyMemory<byte> IdBlock,
    ReadOnlyMemory<byte> IdAuthentication,
    bool HasAuthorKey,
    bool IsVcekDisabled,
    ReadOnlyMemory<byte> HostData);
