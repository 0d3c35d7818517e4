using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// The signatures that go with an ID block (ID_AUTH), 4096 bytes: the block signed by the ID key, and the ID key signed by an author key
/// if there is one. Immutable.
/// </summary>
/// <remarks>
/// Source: AMD SNP ABI 56860, ID_AUTH: ID key algorithm u32, author key algorithm u32, signature of the block at 0x40, ID key at 0x240,
/// signature of the ID key at 0x680, author key at 0x880.
/// </remarks>
public sealed class IdAuthentication
{
    /// <summary>Bytes of the structure.</summary>
    public const int Size = 4096;

    /// <summary>Bytes of a key digest: SHA-384.</summary>
    public const int KeyDigestSize = SHA384.HashSizeInBytes;

    /// <summary>The only algorithm: ECDSA P-384 with SHA-384.</summary>
    public const uint EcdsaP384Sha384 = 1;

    private const int AuthorAlgorithmOffset = 0x04;
    private const int ReservedOffset = 0x08;
    private const int BlockSignatureOffset = 0x40;
    private const int IdKeyOffset = 0x240;
    private const int IdKeyEnd = IdKeyOffset + AmdEcKey.Size;
    private const int IdKeySignatureOffset = 0x680;
    private const int AuthorKeyOffset = 0x880;
    private const int AuthorKeyEnd = AuthorKeyOffset + AmdEcKey.Size;
    private const int KeyPaddingOffset = 4 + (2 * 72);

    private readonly byte[] _bytes;

    private IdAuthentication(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The algorithm of the ID key.</summary>
    public uint IdKeyAlgorithm => BinaryPrimitives.ReadUInt32LittleEndian(_bytes);

    /// <summary>The algorithm of the author key; of no account where there is none.</summary>
    public uint AuthorKeyAlgorithm => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(AuthorAlgorithmOffset));

    /// <summary>The signature of the ID block, 512 bytes.</summary>
    public ReadOnlySpan<byte> BlockSignature => _bytes.AsSpan(BlockSignatureOffset, AmdEcdsaSignature.FieldSize);

    /// <summary>The ID key, 1028 bytes.</summary>
    public ReadOnlySpan<byte> IdKey => _bytes.AsSpan(IdKeyOffset, AmdEcKey.Size);

    /// <summary>The signature of the ID key by the author key, 512 bytes; zeros where there is none.</summary>
    public ReadOnlySpan<byte> IdKeySignature => _bytes.AsSpan(IdKeySignatureOffset, AmdEcdsaSignature.FieldSize);

    /// <summary>The author key, 1028 bytes; zeros where there is none.</summary>
    public ReadOnlySpan<byte> AuthorKey => _bytes.AsSpan(AuthorKeyOffset, AmdEcKey.Size);

    /// <summary>Whether there is an author key.</summary>
    public bool HasAuthorKey => AuthorKey.ContainsAnyExcept((byte)0);

    /// <summary>All 4096 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Signs an ID block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="idKey">The private ID key, on P-384.</param>
    /// <param name="authorKey">The private author key, on P-384, or null.</param>
    /// <exception cref="ArgumentException">A key is on another curve.</exception>
    public static IdAuthentication Create(IdBlock block, ECDsa idKey, ECDsa? authorKey)
    {
        Span<byte> blockSignature = stackalloc byte[AmdEcdsaSignature.FieldSize];
        Span<byte> keySignature = stackalloc byte[AmdEcdsaSignature.FieldSize];
        keySignature.Clear();
        ECParameters idParameters = idKey.ExportParameters(false);
        AmdEcdsaSignature.Sign(idKey, block.Bytes, HashAlgorithmName.SHA384, blockSignature);
        if (authorKey is not null)
        {
            AmdEcdsaSignature.Sign(authorKey, EncodeKey(idParameters), HashAlgorithmName.SHA384, keySignature);
        }

        return Compose(idParameters, blockSignature, authorKey?.ExportParameters(false), keySignature);
    }

    /// <summary>Joins keys and signatures that were made elsewhere, by a key that cannot be exported for example.</summary>
    /// <param name="idKey">The public ID key.</param>
    /// <param name="blockSignature">The signature of the ID block, 512 bytes.</param>
    /// <param name="authorKey">The public author key, or null.</param>
    /// <param name="idKeySignature">The signature of the ID key, 512 bytes; not looked at without an author key.</param>
    /// <exception cref="ArgumentException">A length is wrong, or a key is on another curve.</exception>
    public static IdAuthentication Compose(
        in ECParameters idKey,
        ReadOnlySpan<byte> blockSignature,
        ECParameters? authorKey,
        ReadOnlySpan<byte> idKeySignature)
    {
        if (blockSignature.Length != AmdEcdsaSignature.FieldSize
            || (authorKey is not null && idKeySignature.Length != AmdEcdsaSignature.FieldSize))
        {
            throw new ArgumentException(
                $"signatures of {blockSignature.Length} and {idKeySignature.Length} bytes, not 512",
                nameof(blockSignature));
        }

        byte[] bytes = new byte[Size];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, EcdsaP384Sha384);
        blockSignature.CopyTo(bytes.AsSpan(BlockSignatureOffset));
        EncodeKey(idKey).CopyTo(bytes, IdKeyOffset);
        if (authorKey is { } author)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(AuthorAlgorithmOffset), EcdsaP384Sha384);
            idKeySignature.CopyTo(bytes.AsSpan(IdKeySignatureOffset));
            EncodeKey(author).CopyTo(bytes, AuthorKeyOffset);
        }

        return new IdAuthentication(bytes);
    }

    /// <summary>Reads the structure.</summary>
    /// <param name="bytes">Exactly 4096 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">A size, an algorithm, a key or a reserved field is not what it must be.</exception>
    public static IdAuthentication Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length != Size)
        {
            throw new SevFormatException(input, "ID authentication", $"it has {Size} bytes, not {bytes.Length}");
        }

        IdAuthentication parsed = new(bytes.ToArray());
        if (parsed.IdKeyAlgorithm != EcdsaP384Sha384)
        {
            throw new SevFormatException(input, "ID key algorithm", $"{parsed.IdKeyAlgorithm} is not 1 (ECDSA P-384 with SHA-384)");
        }

        RequireKey(parsed.IdKey, input, "ID key");
        if (parsed.HasAuthorKey)
        {
            if (parsed.AuthorKeyAlgorithm != EcdsaP384Sha384)
            {
                throw new SevFormatException(
                    input,
                    "author key algorithm",
                    $"{parsed.AuthorKeyAlgorithm} is not 1 (ECDSA P-384 with SHA-384)");
            }

            RequireKey(parsed.AuthorKey, input, "author key");
        }
        else if (parsed.AuthorKeyAlgorithm is not (0 or EcdsaP384Sha384) || parsed.IdKeySignature.ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, "author key", "there is none, but an algorithm or a signature by it");
        }

        RequireZero(bytes[ReservedOffset..BlockSignatureOffset], input, "reserved at 0x8");
        RequireZero(bytes[IdKeyEnd..IdKeySignatureOffset], input, "reserved at 0x644");
        RequireZero(bytes[AuthorKeyEnd..], input, "reserved at 0xc84");
        return parsed;
    }

    /// <summary>Reads the structure from a file, raw or base64 as QEMU's <c>id-auth</c> takes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">The file holds no such structure.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IdAuthentication Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "ID authentication", Size);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    /// <summary>The digest of a public key as reports carry it: SHA-384 over its 1028 bytes.</summary>
    /// <param name="key">A key on P-384.</param>
    /// <exception cref="ArgumentException">The key is on another curve.</exception>
    public static byte[] GetKeyDigest(in ECParameters key) => SHA384.HashData(EncodeKey(key));

    /// <summary>The digest of the ID key, 48 bytes.</summary>
    public byte[] GetIdKeyDigest() => SHA384.HashData(IdKey);

    /// <summary>The digest of the author key, 48 bytes; zeros where there is none, as in a report.</summary>
    public byte[] GetAuthorKeyDigest() => HasAuthorKey ? SHA384.HashData(AuthorKey) : new byte[KeyDigestSize];

    /// <summary>Verifies the signature of an ID block by the ID key.</summary>
    /// <param name="block">The block.</param>
    public bool IsSigned(IdBlock block) => Verify(IdKey, block.Bytes, BlockSignature);

    /// <summary>Verifies the signature of the ID key by the author key; false where there is no author key.</summary>
    public bool IsIdKeySigned() => HasAuthorKey && Verify(AuthorKey, IdKey, IdKeySignature);

    /// <summary>The structure as QEMU takes it.</summary>
    public override string ToString() => EncodedBlob.ToBase64(_bytes);

    private static bool Verify(ReadOnlySpan<byte> signer, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        AmdEcKey.TryRead(signer, out ECParameters key, out _)
        && AmdEcdsaSignature.Verify(key, data, HashAlgorithmName.SHA384, signature);

    private static byte[] EncodeKey(in ECParameters key)
    {
        byte[] block = new byte[AmdEcKey.Size];
        AmdEcKey.Write(key, block);
        return AmdEcKey.GetCoordinateSize(key.Curve) == 48
            ? block
            : throw new ArgumentException("ID blocks are signed by keys on P-384", nameof(key));
    }

    private static void RequireKey(ReadOnlySpan<byte> block, string input, string field)
    {
        if (!AmdEcKey.TryRead(block, out ECParameters key, out string? problem))
        {
            throw new SevFormatException(input, field, problem);
        }

        if (AmdEcKey.GetCoordinateSize(key.Curve) != 48)
        {
            throw new SevFormatException(input, field, "it is on P-256, not on P-384");
        }

        RequireZero(block[KeyPaddingOffset..], input, $"{field} padding");
    }

    private static void RequireZero(ReadOnlySpan<byte> bytes, string input, string field)
    {
        if (bytes.ContainsAnyExcept((byte)0))
        {
            throw new SevFormatException(input, field, "it is not zero");
        }
    }
}
