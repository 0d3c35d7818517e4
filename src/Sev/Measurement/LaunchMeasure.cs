using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// The measurement of an SEV or SEV-ES launch: proof by the firmware, keyed with the TIK, that a guest of this policy and this launch
/// digest stands ready.
/// </summary>
/// <remarks>
/// Source: AMD SEV API 55766, LAUNCH_MEASURE: H(TIK, 0x04 ‖ API major ‖ API minor ‖ build ‖ policy ‖ launch digest ‖ nonce). Firmware
/// before API 0.17 leaves the first four bytes out (AMD's sev-tool).
/// </remarks>
public static class LaunchMeasure
{
    /// <summary>Bytes of a launch digest: SHA-256.</summary>
    public const int DigestSize = 32;

    private const byte Context = 0x04;

    /// <summary>Computes the measurement that a firmware of that version gives.</summary>
    /// <param name="tik">The transport integrity key, 16 bytes.</param>
    /// <param name="firmware">The platform's firmware.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="launchDigest">SHA-256 over everything that was launched, 32 bytes.</param>
    /// <param name="nonce">The nonce, 16 bytes.</param>
    /// <returns>The measurement, 32 bytes.</returns>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static byte[] Compute(
        ReadOnlySpan<byte> tik,
        SevFirmwareVersion firmware,
        SevPolicy policy,
        ReadOnlySpan<byte> launchDigest,
        ReadOnlySpan<byte> nonce)
    {
        if (tik.Length != TransportKeys.KeySize || launchDigest.Length != DigestSize || nonce.Length != LaunchMeasurement.NonceSize)
        {
            throw new ArgumentException(
                $"TIK, digest and nonce of {tik.Length}, {launchDigest.Length} and {nonce.Length} bytes instead of 16, 32 and 16",
                nameof(tik));
        }

        Span<byte> policyBytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(policyBytes, policy.Value);
        using IncrementalHash hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, tik);
        if (firmware.IsAtLeast(0, 17))
        {
            hash.AppendData([Context, firmware.ApiMajor, firmware.ApiMinor, firmware.Build]);
        }

        hash.AppendData(policyBytes);
        hash.AppendData(launchDigest);
        hash.AppendData(nonce);
        return hash.GetHashAndReset();
    }

    /// <summary>Compares what the firmware returned with what the owner expects.</summary>
    /// <param name="measurement">What LAUNCH_MEASURE returned.</param>
    /// <param name="tik">The transport integrity key, 16 bytes.</param>
    /// <param name="firmware">The platform's firmware.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="launchDigest">SHA-256 over everything that should have been launched, 32 bytes.</param>
    /// <returns>The check named <c>measurement</c>.</returns>
    public static CheckResult Verify(
        LaunchMeasurement measurement,
        ReadOnlySpan<byte> tik,
        SevFirmwareVersion firmware,
        SevPolicy policy,
        ReadOnlySpan<byte> launchDigest)
    {
        const string Name = "measurement";
        byte[] expected = Compute(tik, firmware, policy, launchDigest, measurement.Nonce);
        string digest = Convert.ToHexStringLower(launchDigest);
        return CryptographicOperations.FixedTimeEquals(expected, measurement.Measure)
            ? new CheckResult(Name, CheckOutcome.Pass, $"the firmware proves launch digest {digest} under policy {policy}")
            : new CheckResult(
                Name,
                CheckOutcome.Fail,
                $"{Convert.ToHexStringLower(measurement.Measure)} instead of {Convert.ToHexStringLower(expected)}: "
                + $"another launch digest than {digest}, another policy than {policy}, another firmware than {firmware} or another TIK");
    }
}
