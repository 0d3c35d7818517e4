using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>An ID block that is wanted: who signs it, and what it says besides digest and policy.</summary>
internal sealed class IdBlockRequest : IDisposable
{
    private const string Curve = "1.3.132.0.34"; // secp384r1

    private readonly ECDsa _idKey;
    private readonly ECDsa? _authorKey;
    private readonly byte[] _familyId;
    private readonly byte[] _imageId;
    private readonly uint _guestSvn;

    private IdBlockRequest(ECDsa idKey, ECDsa? authorKey, byte[] familyId, byte[] imageId, uint guestSvn)
    {
        _idKey = idKey;
        _authorKey = authorKey;
        _familyId = familyId;
        _imageId = imageId;
        _guestSvn = guestSvn;
    }

    /// <summary>Reads the keys and names.</summary>
    /// <param name="options">The options.</param>
    /// <returns>Null where no ID block is wanted.</returns>
    /// <exception cref="InvalidInputException">A file holds no private key on P-384.</exception>
    internal static IdBlockRequest? Read(MeasureOptions options)
    {
        if (options.IdKey is not string path)
        {
            return null;
        }

        byte[] familyId = ReadName("--family-id", options.FamilyId);
        byte[] imageId = ReadName("--image-id", options.ImageId);
        uint guestSvn = (uint)NumberValue.Parse("--guest-svn", options.GuestSvn ?? "0", 0, uint.MaxValue);
        ECDsa idKey = ReadKey("--id-key", path);
        try
        {
            return new IdBlockRequest(
                idKey, options.AuthorKey is string author ? ReadKey("--author-key", author) : null, familyId, imageId, guestSvn);
        }
        catch
        {
            idKey.Dispose();
            throw;
        }
    }

    /// <summary>Signs the block.</summary>
    /// <param name="launchDigest">The digest that the guest must have, 48 bytes.</param>
    /// <param name="policy">The policy that it must have.</param>
    internal (IdBlock Block, IdAuthentication Authentication) Sign(ReadOnlySpan<byte> launchDigest, SnpPolicy policy)
    {
        IdBlock block = Sev.Measurement.IdBlock.Create(launchDigest, policy, _familyId, _imageId, _guestSvn);
        return (block, IdAuthentication.Create(block, _idKey, _authorKey));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _authorKey?.Dispose();
        _idKey.Dispose();
    }

    private static byte[] ReadName(string option, string? text) =>
        text is null ? [] : BytesValue.Parse(option, text, "id", Sev.Measurement.IdBlock.IdSize).Bytes;

    private static ECDsa ReadKey(string option, string path)
    {
        using FileStream file = FileKind.OpenInput(option, path);
        if (file.Length > EncodedBlob.MaximumFileSize)
        {
            throw new InvalidInputException(path, "private key", $"{file.Length} bytes are too many for a key");
        }

        using StreamReader reader = new(file);
        ECDsa key = ECDsa.Create();
        try
        {
            key.ImportFromPem(reader.ReadToEnd());
            ECParameters parameters = key.ExportParameters(includePrivateParameters: true);
            CryptographicOperations.ZeroMemory(parameters.D);
            return parameters.Curve.Oid.Value == Curve
                ? key
                : throw new InvalidInputException(path, "private key", "it is not on the curve P-384");
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidInputException(path, "private key", "no unencrypted EC private key in PEM", error);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }
}
