using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>A secret on its way into a launched guest: packed by the owner for LAUNCH_SECRET, opened by the firmware.</summary>
/// <remarks>Source: AMD SEV API 55766, LAUNCH_SECRET.</remarks>
public static class LaunchSecret
{
    /// <summary>The most that AMD's published firmware takes, in bytes.</summary>
    public const int MaximumSize = 0x5000;

    /// <summary>The most that QEMU, libvirt and sevctl take, in bytes.</summary>
    public const int ToolMaximumSize = 0x4000;

    private const int Granule = 16;

    /// <summary>
    /// Packs a secret for one measured launch. Verify the measurement first: the firmware opens the secret for whatever was launched.
    /// </summary>
    /// <param name="keys">The transport keys.</param>
    /// <param name="measurement">What LAUNCH_MEASURE returned for this launch.</param>
    /// <param name="secret">The secret, in most cases a <see cref="SecretTable"/>: a multiple of 16 bytes, at most 16 KiB.</param>
    /// <param name="random">Where the IV comes from.</param>
    /// <exception cref="SevFormatException">The secret's length is not allowed.</exception>
    public static TransportPacket Package(
        TransportKeys keys,
        LaunchMeasurement measurement,
        ReadOnlySpan<byte> secret,
        IRandomSource random)
    {
        if (secret.IsEmpty || secret.Length % Granule != 0 || secret.Length > ToolMaximumSize)
        {
            throw new SevFormatException(
                "secret",
                "length",
                $"{secret.Length} bytes: it must be a multiple of {Granule} from {Granule} to {ToolMaximumSize}");
        }

        return TransportPacket.Seal(PacketContext.Secret, keys, secret, measurement.Measure, random);
    }

    /// <summary>Opens a packet as the firmware does, with its checks in its order: lengths, MAC, compression.</summary>
    /// <param name="keys">The transport keys.</param>
    /// <param name="header">The header as it came; 52 bytes in a good one.</param>
    /// <param name="data">The encrypted data as it came.</param>
    /// <param name="guestLength">Bytes of guest memory that the secret shall fill.</param>
    /// <param name="measure">The measurement that LAUNCH_MEASURE returned, 32 bytes without the nonce.</param>
    public static SecretOpening Open(
        TransportKeys keys,
        ReadOnlySpan<byte> header,
        ReadOnlySpan<byte> data,
        uint guestLength,
        ReadOnlySpan<byte> measure)
    {
        if (header.Length != TransportPacket.HeaderSize)
        {
            return Refuse(PspStatus.InvalidLength, $"a packet header has {TransportPacket.HeaderSize} bytes, not {header.Length}");
        }

        if (guestLength == 0 || guestLength % Granule != 0 || guestLength > MaximumSize || guestLength != (uint)data.Length)
        {
            return Refuse(
                PspStatus.InvalidLength,
                $"{data.Length} bytes for {guestLength} of the guest: both must be the same multiple of {Granule} up to {MaximumSize}");
        }

        TransportPacket packet = TransportPacket.Parse(header, data, "secret");
        if (!packet.TryOpen(PacketContext.Secret, keys, guestLength, measure, out byte[]? secret))
        {
            return Refuse(PspStatus.BadMeasurement, "the MAC does not match: a changed packet, other keys or another launch");
        }

        return (packet.Flags & TransportPacket.CompressedFlag) != 0
            ? Refuse(PspStatus.Unsupported, "the secret is compressed")
            : new SecretOpening(PspStatus.Success, secret, "the secret is the owner's");
    }

    private static SecretOpening Refuse(PspStatus status, string detail) => new(status, null, detail);
}
