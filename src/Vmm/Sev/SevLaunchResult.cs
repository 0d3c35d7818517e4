using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What a launch has come to.</summary>
/// <param name="Handle">The firmware's guest handle.</param>
/// <param name="Policy">The guest's policy.</param>
/// <param name="Measurement">What the firmware measured.</param>
/// <param name="DataDigest">
/// SHA-256 over every byte that was launched, in launch order, 32 bytes: for SEV the launch digest itself; in that of SEV-ES the vCPUs'
/// save
/// areas follow, which only the kernel and the firmware see.
/// </param>
/// <param name="IsDataDigestWhole">True when <paramref name="DataDigest"/> is the launch digest.</param>
/// <param name="LaunchedBytes">Bytes that were launched, without save areas.</param>
public sealed record SevLaunchResult(
    uint Handle,
    SevPolicy Policy,
    LaunchMeasurement Measurement,
    ReadOnlyMemory<byte> DataDigest,
    bool IsDataDigestWhole,
    ulong LaunchedBytes);
