using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Commands;

/// <summary>Parameters of LAUNCH_START.</summary>
/// <param name="Policy">The guest's policy.</param>
/// <param name="OwnerCertificate">The owner's Diffie-Hellman certificate (GODH), 2084 bytes; empty for a launch without an owner.</param>
/// <param name="Session">The owner's session, 128 bytes; empty exactly when the certificate is.</param>
public readonly record struct LaunchStartRequest(SevPolicy Policy, ReadOnlyMemory<byte> OwnerCertificate, ReadOnlyMemory<byte> Session);
