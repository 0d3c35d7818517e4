using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What a launch has come to.</summary>
/// <param name="Handle">The firmware's guest handle.</param>
/// <param name="Policy">The guest's policy.</param>
/// <param name="Measurement">What the firmware measured.</param>
/// <param name="LaunchDigest">
/// The launch digest as the monitor computed it beside the firmware: SHA-256 over every byte that was launched, in launch order, and for
/// SEV-ES over the vCPUs' save areas (<see cref="SaveAreas"/>) after them. 32 bytes.
/// </param>
/// <param name="Pieces">What was launched, without save areas, in launch order.</param>
public sealed record SevLaunchResult(
    uint Handle,
    SevPolicy Policy,
    LaunchMeasurement Measurement,
    ReadOnlyMemory<byte> LaunchDigest,
    IReadOnlyList<LaunchedPiece> Pieces);
