using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// Answers "my measurement differs" where the launch digest is right: looks for the policy, or the firmware version, under which the
/// measurement comes about.
/// </summary>
public static class MeasurementVariantFinder
{
    // Bits 0 to 5 of the policy.
    private const uint PolicyCount = 1 << 6;

    private const uint VersionBits = 0xFFFF_0000;
    private const int HighestMajor = 1;
    private const int HighestMinor = 63;

    /// <summary>Looks for the policy or the version.</summary>
    /// <param name="measurement">What LAUNCH_MEASURE returned.</param>
    /// <param name="tik">The transport integrity key, 16 bytes.</param>
    /// <param name="firmware">The platform's firmware, as it was expected.</param>
    /// <param name="policy">The guest's policy, as it was expected.</param>
    /// <param name="launchDigest">The launch digest, 32 bytes.</param>
    /// <returns>The difference; null when none of the known ones fits.</returns>
    public static LaunchVariant? Find(
        LaunchMeasurement measurement,
        ReadOnlySpan<byte> tik,
        SevFirmwareVersion firmware,
        SevPolicy policy,
        ReadOnlySpan<byte> launchDigest)
    {
        foreach (uint versions in (uint[])[policy.Value & VersionBits, 0])
        {
            for (uint flags = 0; flags < PolicyCount; flags++)
            {
                SevPolicy other = new(versions | flags);
                if (IsMeasure(measurement, tik, firmware, other, launchDigest))
                {
                    return new LaunchVariant(other == policy ? [] : [$"policy {other} instead of {policy}"], 0, launchDigest.ToArray());
                }
            }
        }

        for (int major = 0; major <= HighestMajor; major++)
        {
            for (int minor = 0; minor <= HighestMinor; minor++)
            {
                for (int build = 0; build <= byte.MaxValue; build++)
                {
                    SevFirmwareVersion other = new((byte)major, (byte)minor, (byte)build);
                    if (IsMeasure(measurement, tik, other, policy, launchDigest))
                    {
                        return new LaunchVariant([$"firmware {other} instead of {firmware}"], 0, launchDigest.ToArray());
                    }
                }
            }
        }

        return null;
    }

    private static bool IsMeasure(
        LaunchMeasurement measurement,
        ReadOnlySpan<byte> tik,
        SevFirmwareVersion firmware,
        SevPolicy policy,
        ReadOnlySpan<byte> launchDigest) =>
        measurement.Measure.SequenceEqual(LaunchMeasure.Compute(tik, firmware, policy, launchDigest, measurement.Nonce));
}
