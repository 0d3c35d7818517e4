using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Attestation;

/// <summary>
/// A message between a SEV-SNP guest and the firmware, encrypted under a key that the host does not have: a head of 0x60 bytes, then the
/// payload under AES-256-GCM. Immutable.
/// </summary>
/// <param name="SequenceNumber">Counts up by one with each message, request and answer alike; it is the initialisation vector.</param>
/// <param name="Type">What the message says.</param>
/// <param name="Version">The version of the payload's layout.</param>
/// <param name="KeyIndex">Which of the guest's message keys, 0 to 3 (VMPCK).</param>
/// <param name="Payload">What was encrypted, at most 4000 bytes.</param>
/// <remarks>
/// Source: AMD SNP ABI 56860, guest messages: tag[32], sequence number u64 at 0x20, algorithm u8 at 0x30, head version, head size u16,
/// type, message version, size u16, key index; the bytes from 0x30 on are authenticated.
/// </remarks>
public sealed record GuestMessage(
    ulong SequenceNumber,
    GuestMessageType Type,
    byte Version,
    byte KeyIndex,
    ReadOnlyMemory<byte> Payload)
{
    /// <summary>Bytes of the head.</summary>
    public const int HeaderSize = 0x60;

    /// <summary>Bytes of a key.</summary>
    public const int KeySize = 32;

    /// <summary>Bytes of a payload at most: a page less the head.</summary>
    public const int MaximumPayloadSize = 4096 - HeaderSize;

    private const int TagSize = 16;
    private const int TagField = 32;
    private const int SequenceOffset = 0x20;
    private const int AuthenticatedOffset = 0x30;
    private const int HeaderVersionOffset = 0x31;
    private const int HeaderSizeOffset = 0x32;
    private const int TypeOffset = 0x34;
    private const int VersionOffset = 0x35;
    private const int SizeOffset = 0x36;
    private const int ReservedOffset = 0x38;
    private const int KeyIndexOffset = 0x3C;
    private const int NonceSize = 12;
    private const byte Aes256Gcm = 1;
    private const byte HeaderVersion = 1;
    private const byte KeyCount = 4;

    /// <summary>Decrypts a message.</summary>
    /// <param name="bytes">Head and payload; after them there may be more of the page.</param>
    /// <param name="key">The message key (VMPCK), 32 bytes.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">
    /// A field of the head is not what it must be, or the message was not made with the key.
    /// </exception>
    /// <exception cref="ArgumentException">The key has another length.</exception>
    public static GuestMessage Decrypt(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> key, string input)
    {
        RequireKey(key);
        if (bytes.Length < HeaderSize)
        {
            throw new SevFormatException(input, "guest message", $"{bytes.Length} bytes are fewer than its head's {HeaderSize}");
        }

        ReadOnlySpan<byte> head = bytes[..HeaderSize];
        RequireByte(head, AuthenticatedOffset, Aes256Gcm, input, "algorithm");
        RequireByte(head, HeaderVersionOffset, HeaderVersion, input, "head version");
        ushort headerSize = BinaryPrimitives.ReadUInt16LittleEndian(head[HeaderSizeOffset..]);
        ushort size = BinaryPrimitives.ReadUInt16LittleEndian(head[SizeOffset..]);
        if (headerSize != HeaderSize)
        {
            throw new SevFormatException(input, "head size", $"{headerSize} is not {HeaderSize}");
        }

        if (size > MaximumPayloadSize || size > bytes.Length - HeaderSize)
        {
            throw new SevFormatException(input, "message size", $"{size}, where {bytes.Length - HeaderSize} bytes follow the head");
        }

        if (head[KeyIndexOffset] >= KeyCount)
        {
            throw new SevFormatException(input, "key index", $"{head[KeyIndexOffset]} is not below {KeyCount}");
        }

        RequireZero(head, TagSize, TagField, input);
        RequireZero(head, SequenceOffset + sizeof(ulong), AuthenticatedOffset, input);
        RequireZero(head, ReservedOffset, KeyIndexOffset, input);
        RequireZero(head, KeyIndexOffset + 1, HeaderSize, input);

        ulong sequence = BinaryPrimitives.ReadUInt64LittleEndian(head[SequenceOffset..]);
        byte[] payload = new byte[size];
        try
        {
            using AesGcm cipher = new(key, TagSize);
            cipher.Decrypt(MakeNonce(sequence), bytes.Slice(HeaderSize, size), head[..TagSize], payload, head[AuthenticatedOffset..]);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SevFormatException(input, "tag", "the message was not made with this key, or was changed");
        }

        return new GuestMessage(sequence, (GuestMessageType)head[TypeOffset], head[VersionOffset], head[KeyIndexOffset], payload);
    }

    /// <summary>Encrypts the message.</summary>
    /// <param name="key">The message key (VMPCK), 32 bytes.</param>
    /// <returns>Head and payload.</returns>
    /// <exception cref="ArgumentException">The key has another length, or the payload is too long.</exception>
    public byte[] Encrypt(ReadOnlySpan<byte> key)
    {
        RequireKey(key);
        if (Payload.Length > MaximumPayloadSize)
        {
            throw new ArgumentException($"a payload of {Payload.Length} bytes is more than {MaximumPayloadSize}", nameof(key));
        }

        byte[] bytes = new byte[HeaderSize + Payload.Length];
        Span<byte> head = bytes.AsSpan(0, HeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(head[SequenceOffset..], SequenceNumber);
        head[AuthenticatedOffset] = Aes256Gcm;
        head[HeaderVersionOffset] = HeaderVersion;
        BinaryPrimitives.WriteUInt16LittleEndian(head[HeaderSizeOffset..], HeaderSize);
        head[TypeOffset] = (byte)Type;
        head[VersionOffset] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(head[SizeOffset..], (ushort)Payload.Length);
        head[KeyIndexOffset] = KeyIndex;
        using AesGcm cipher = new(key, TagSize);
        cipher.Encrypt(MakeNonce(SequenceNumber), Payload.Span, bytes.AsSpan(HeaderSize), head[..TagSize], head[AuthenticatedOffset..]);
        return bytes;
    }

    /// <summary>True when this message is the answer to that request: the next number, the same key, the answering type.</summary>
    /// <param name="request">The request.</param>
    public bool Answers(GuestMessage request) => SequenceNumber == request.SequenceNumber + 1
        && KeyIndex == request.KeyIndex
        && (byte)Type == (byte)request.Type + 1;

    private static byte[] MakeNonce(ulong sequence)
    {
        byte[] nonce = new byte[NonceSize];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce, sequence);
        return nonce;
    }

    private static void RequireKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeySize)
        {
            throw new ArgumentException($"a message key has {KeySize} bytes, not {key.Length}", nameof(key));
        }
    }

    private static void RequireZero(ReadOnlySpan<byte> head, int start, int end, string input)
    {
        if (head[start..end].ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, $"reserved at 0x{start:x}", $"the bytes up to 0x{end:x} are not zero");
        }
    }

    private static void RequireByte(ReadOnlySpan<byte> head, int offset, byte wanted, string input, string field)
    {
        if (head[offset] != wanted)
        {
            throw new SevFormatException(input, field, $"{head[offset]} is not {wanted}");
        }
    }
}
