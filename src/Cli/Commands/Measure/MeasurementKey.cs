using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>What turns a launch digest into a measurement, but for the nonce.</summary>
/// <param name="Tik">The transport integrity key, 16 bytes.</param>
/// <param name="Firmware">The platform's firmware.</param>
/// <param name="Policy">The guest's policy.</param>
internal sealed record MeasurementKey(byte[] Tik, SevFirmwareVersion Firmware, SevPolicy Policy)
{
    /// <summary>The measurement of a launch.</summary>
    /// <param name="launchDigest">The launch digest, 32 bytes.</param>
    /// <param name="nonce">The nonce, 16 bytes.</param>
    internal LaunchMeasurement Measure(ReadOnlySpan<byte> launchDigest, ReadOnlySpan<byte> nonce) =>
        LaunchMeasurement.Join(LaunchMeasure.Compute(Tik, Firmware, Policy, launchDigest, nonce), nonce);
}
