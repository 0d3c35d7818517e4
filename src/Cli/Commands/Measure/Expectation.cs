using System.Security.Cryptography;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>A digest or a measurement that must come out.</summary>
/// <param name="Option">Where it was given.</param>
/// <param name="Bytes">A launch digest, a measurement, or a measurement with its nonce.</param>
/// <param name="Key">What makes measurements; null where only digests are compared.</param>
/// <param name="Nonce">The nonce of a measurement that was given without one; null where none is known.</param>
internal sealed record Expectation(string Option, byte[] Bytes, MeasurementKey? Key, byte[]? Nonce)
{
    /// <summary>Whether this is a measurement with its nonce.</summary>
    internal bool IsBlob => Key is not null && Bytes.Length == LaunchMeasurement.Size;

    /// <summary>Whether a launch gives it.</summary>
    /// <param name="launchDigest">The launch digest.</param>
    internal bool IsMetBy(ReadOnlySpan<byte> launchDigest)
    {
        if (IsBlob)
        {
            return IsSame(Key!.Measure(launchDigest, Bytes.AsSpan(LaunchMeasurement.MeasureSize)).Bytes);
        }

        return IsSame(launchDigest) || (Key is not null && Nonce is not null && IsSame(Key.Measure(launchDigest, Nonce).Measure));
    }

    /// <summary>Looks for the difference that explains why a launch does not give it.</summary>
    /// <param name="subject">The launch.</param>
    /// <param name="launchDigest">Its digest.</param>
    internal LaunchVariant? Explain(ILaunchSubject subject, ReadOnlySpan<byte> launchDigest)
    {
        if (Key is not null && (IsBlob ? Bytes[LaunchMeasurement.MeasureSize..] : Nonce) is { } nonce)
        {
            LaunchMeasurement measurement = LaunchMeasurement.Join(Bytes.AsSpan(0, LaunchMeasurement.MeasureSize), nonce);
            if (MeasurementVariantFinder.Find(measurement, Key.Tik, Key.Firmware, Key.Policy, launchDigest) is { } found)
            {
                return found;
            }
        }

        return subject.FindVariant(IsMetBy);
    }

    private bool IsSame(ReadOnlySpan<byte> bytes) => CryptographicOperations.FixedTimeEquals(bytes, Bytes);
}
