using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// The 1028 bytes of an SEV certificate that hold its public key: an elliptic-curve key (see <see cref="AmdEcKey"/>), or for RSA the
/// modulus's bits u32, exponent[512] and modulus[512], little-endian.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, public key.</remarks>
internal static class SevKeyField
{
    private const int RsaNumberSize = 512;
    private const int ExponentOffset = 4;
    private const int ModulusOffset = ExponentOffset + RsaNumberSize;

    /// <summary>Takes the key apart.</summary>
    /// <param name="algorithm">The key's algorithm; not NONE.</param>
    /// <param name="field">The field, 1028 bytes.</param>
    /// <param name="ecKey">The key, where the algorithm is an elliptic one.</param>
    /// <param name="rsaKey">The key, where the algorithm is RSA.</param>
    /// <param name="problem">What is wrong with it, or null.</param>
    internal static bool TryRead(
        SevKeyAlgorithm algorithm,
        ReadOnlySpan<byte> field,
        out ECParameters? ecKey,
        out RSAParameters? rsaKey,
        [NotNullWhen(false)] out string? problem)
    {
        ecKey = null;
        rsaKey = null;
        if (algorithm.IsElliptic())
        {
            bool isRead = AmdEcKey.TryRead(field, out ECParameters ec, out problem);
            ecKey = isRead ? ec : null;
            return isRead;
        }

        uint bits = BinaryPrimitives.ReadUInt32LittleEndian(field);
        if (bits is not (2048 or 4096))
        {
            problem = $"an RSA key has 2048 or 4096 bits, not {bits}";
            return false;
        }

        int size = (int)bits / 8;
        ReadOnlySpan<byte> modulus = field.Slice(ModulusOffset, RsaNumberSize);
        if (modulus[size..].ContainsAnyExcept((byte)0))
        {
            problem = $"the modulus has more than {bits} bits";
            return false;
        }

        bool read = AmdRsaKey.TryRead(field.Slice(ExponentOffset, RsaNumberSize), modulus[..size], out RSAParameters rsa, out problem);
        rsaKey = read ? rsa : null;
        return read;
    }

    /// <summary>Writes an RSA key.</summary>
    /// <param name="key">The key, of 2048 or 4096 bits.</param>
    /// <param name="field">The field, 1028 bytes of zeros.</param>
    internal static void Write(in RSAParameters key, Span<byte> field)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(field, (uint)key.Modulus!.Length * 8);
        LittleEndianNumber.Write(key.Exponent, field.Slice(ExponentOffset, RsaNumberSize));
        LittleEndianNumber.Write(key.Modulus, field.Slice(ModulusOffset, RsaNumberSize));
    }
}
