using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// Data under the transport keys: a header of 52 bytes (flags u32 ‖ IV[16] ‖ MAC[32]) and the data encrypted with the TEK. Secrets and the
/// pages of a guest on its way travel in it. Immutable.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, LAUNCH_SECRET and SEND_UPDATE_DATA packet header.</remarks>
public sealed class TransportPacket
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderSize = 52;

    /// <summary>Flag bit 0: the data is compressed. No published firmware supports it.</summary>
    public const uint CompressedFlag = 1;

    private const int IvOffset = 4;
    private const int MacOffset = 20;

    private readonly byte[] _header;
    private readonly byte[] _data;

    private TransportPacket(byte[] header, byte[] data)
    {
        _header = header;
        _data = data;
    }

    /// <summary>The flags.</summary>
    public uint Flags => BinaryPrimitives.ReadUInt32LittleEndian(_header);

    /// <summary>The counter block of the encryption, 16 bytes.</summary>
    public ReadOnlySpan<byte> Iv => _header.AsSpan(IvOffset, AesCtr.BlockSize);

    /// <summary>The keyed hash, 32 bytes.</summary>
    public ReadOnlySpan<byte> Mac => _header.AsSpan(MacOffset);

    /// <summary>The header, 52 bytes.</summary>
    public ReadOnlySpan<byte> Header => _header;

    /// <summary>The encrypted data.</summary>
    public ReadOnlySpan<byte> Data => _data;

    /// <summary>Puts a packet together from its two parts.</summary>
    /// <param name="header">The header, exactly 52 bytes.</param>
    /// <param name="data">The encrypted data.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">The header has another size.</exception>
    public static TransportPacket Parse(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, string input) => header.Length == HeaderSize
        ? new TransportPacket(header.ToArray(), data.ToArray())
        : throw new SevFormatException(input, "packet header", $"it has {HeaderSize} bytes, not {header.Length}");

    /// <summary>Encrypts and authenticates data.</summary>
    /// <param name="context">What the packet is for.</param>
    /// <param name="keys">The transport keys.</param>
    /// <param name="data">The data, not compressed.</param>
    /// <param name="measure">The launch's measurement, 32 bytes, for a secret; else empty.</param>
    /// <param name="random">Where the IV comes from.</param>
    public static TransportPacket Seal(
        PacketContext context,
        TransportKeys keys,
        ReadOnlySpan<byte> data,
        ReadOnlySpan<byte> measure,
        IRandomSource random)
    {
        byte[] header = new byte[HeaderSize];
        Span<byte> iv = header.AsSpan(IvOffset, AesCtr.BlockSize);
        random.Fill(iv);
        byte[] encrypted = AesCtr.Transform(keys.Tek, iv, data);
        TransportPacket packet = new(header, encrypted);
        packet.ComputeMac(context, keys, (uint)data.Length, measure).CopyTo(header, MacOffset);
        return packet;
    }

    /// <summary>Verifies and decrypts the data.</summary>
    /// <param name="context">What the packet is for.</param>
    /// <param name="keys">The transport keys.</param>
    /// <param name="guestLength">The length that the data shall have in the guest, in bytes; the MAC covers it.</param>
    /// <param name="measure">The launch's measurement, 32 bytes, for a secret; else empty.</param>
    /// <param name="data">The data; null when the MAC does not match: nothing was decrypted then.</param>
    public bool TryOpen(
        PacketContext context,
        TransportKeys keys,
        uint guestLength,
        ReadOnlySpan<byte> measure,
        [NotNullWhen(true)] out byte[]? data)
    {
        bool isGenuine = CryptographicOperations.FixedTimeEquals(ComputeMac(context, keys, guestLength, measure), Mac);
        data = isGenuine ? AesCtr.Transform(keys.Tek, Iv, _data) : null;
        return isGenuine;
    }

    private byte[] ComputeMac(PacketContext context, TransportKeys keys, uint guestLength, ReadOnlySpan<byte> measure)
    {
        Span<byte> lengths = stackalloc byte[2 * sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(lengths, guestLength);
        BinaryPrimitives.WriteUInt32LittleEndian(lengths[sizeof(uint)..], (uint)_data.Length);
        using IncrementalHash hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, keys.Tik);
        hash.AppendData([(byte)context]);
        hash.AppendData(_header.AsSpan(0, MacOffset));
        hash.AppendData(lengths);
        hash.AppendData(_data);
        hash.AppendData(measure);
        return hash.GetHashAndReset();
    }
}
