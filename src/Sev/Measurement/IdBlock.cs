using System.Buffers.Binary;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// What the owner of a SEV-SNP guest signs beforehand, so that the firmware starts no other one: launch digest[48] ‖ family id[16] ‖
/// image id[16] ‖ version u32 ‖ guest SVN u32 ‖ policy u64, 96 bytes. Immutable.
/// </summary>
/// <remarks>Source: AMD SNP ABI 56860, SNP_LAUNCH_FINISH, ID_BLOCK.</remarks>
public sealed class IdBlock
{
    /// <summary>Bytes of an ID block.</summary>
    public const int Size = 96;

    /// <summary>Bytes of the family id and of the image id.</summary>
    public const int IdSize = 16;

    /// <summary>The only version.</summary>
    public const uint Version = 1;

    private const int FamilyOffset = 0x30;
    private const int ImageOffset = 0x40;
    private const int VersionOffset = 0x50;
    private const int GuestSvnOffset = 0x54;
    private const int PolicyOffset = 0x58;

    private readonly byte[] _bytes;

    private IdBlock(byte[] bytes)
    {
        _bytes = bytes;
    }

    /// <summary>The launch digest that the guest must have, 48 bytes.</summary>
    public ReadOnlySpan<byte> LaunchDigest => _bytes.AsSpan(0, SnpLaunchDigest.Size);

    /// <summary>The owner's name for a family of guests, 16 bytes.</summary>
    public ReadOnlySpan<byte> FamilyId => _bytes.AsSpan(FamilyOffset, IdSize);

    /// <summary>The owner's name for a guest image, 16 bytes.</summary>
    public ReadOnlySpan<byte> ImageId => _bytes.AsSpan(ImageOffset, IdSize);

    /// <summary>The security version of the guest.</summary>
    public uint GuestSvn => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(GuestSvnOffset));

    /// <summary>The policy that the guest must have.</summary>
    public SnpPolicy Policy => new(BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(PolicyOffset)));

    /// <summary>All 96 bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Makes an ID block.</summary>
    /// <param name="launchDigest">The launch digest, 48 bytes.</param>
    /// <param name="policy">The guest's policy.</param>
    /// <param name="familyId">A name for a family of guests, 16 bytes; empty for zeros.</param>
    /// <param name="imageId">A name for a guest image, 16 bytes; empty for zeros.</param>
    /// <param name="guestSvn">The security version of the guest.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static IdBlock Create(
        ReadOnlySpan<byte> launchDigest,
        SnpPolicy policy,
        ReadOnlySpan<byte> familyId = default,
        ReadOnlySpan<byte> imageId = default,
        uint guestSvn = 0)
    {
        if (launchDigest.Length != SnpLaunchDigest.Size || familyId.Length is not (0 or IdSize) || imageId.Length is not (0 or IdSize))
        {
            throw new ArgumentException(
                $"digest, family id and image id of {launchDigest.Length}, {familyId.Length} and {imageId.Length} bytes, not 48, 16 and 16",
                nameof(launchDigest));
        }

        byte[] bytes = new byte[Size];
        launchDigest.CopyTo(bytes);
        familyId.CopyTo(bytes.AsSpan(FamilyOffset));
        imageId.CopyTo(bytes.AsSpan(ImageOffset));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(VersionOffset), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(GuestSvnOffset), guestSvn);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(PolicyOffset), policy.Value);
        return new IdBlock(bytes);
    }

    /// <summary>Reads an ID block.</summary>
    /// <param name="bytes">The block, exactly 96 bytes.</param>
    /// <param name="input">What the bytes are, for messages: a file name.</param>
    /// <exception cref="SevFormatException">It has another size or version.</exception>
    public static IdBlock Parse(ReadOnlySpan<byte> bytes, string input)
    {
        if (bytes.Length != Size)
        {
            throw new SevFormatException(input, "ID block", $"an ID block has {Size} bytes, not {bytes.Length}");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[VersionOffset..]);
        return version == Version
            ? new IdBlock(bytes.ToArray())
            : throw new SevFormatException(input, "version", $"{version} is not {Version}");
    }

    /// <summary>Reads an ID block from a file, raw or base64 as QEMU's <c>id-block</c> takes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How the file held it.</param>
    /// <exception cref="SevFormatException">The file holds no ID block.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IdBlock Read(string path, out BlobEncoding encoding)
    {
        EncodedBlob blob = EncodedBlob.ReadFile(path, "ID block", Size);
        encoding = blob.Encoding;
        return Parse(blob.Bytes, path);
    }

    /// <summary>The block as QEMU takes it.</summary>
    public override string ToString() => EncodedBlob.ToBase64(_bytes);
}
