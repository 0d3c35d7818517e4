using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Commands;

/// <summary>Parameters of SNP_LAUNCH_START.</summary>
/// <param name="Policy">The guest's policy.</param>
/// <param name="GuestOsVisibleWorkarounds">GOSVW: 16 bytes, or empty for zeros.</param>
public readonly record struct SnpLaunchStartRequest(SnpPolicy Policy, ReadOnlyMemory<byte> GuestOsVisibleWorkarounds);
