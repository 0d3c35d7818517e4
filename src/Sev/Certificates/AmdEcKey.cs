using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// An elliptic-curve public key as AMD's structures hold it: curve u32 (1 = P-256, 2 = P-384), QX[72], QY[72] little-endian, zeros up
/// to 1028 bytes. SEV certificates, ID authentication blocks and their key digests use the same form.
/// </summary>
/// <remarks>Source: AMD SEV API 55766, public key; AMD SNP ABI 56860, ID_AUTH.</remarks>
public static class AmdEcKey
{
    /// <summary>Bytes of the key with its padding.</summary>
    public const int Size = 0x404;

    private const int CoordinateField = 72;
    private const int XOffset = 4;
    private const int YOffset = XOffset + CoordinateField;
    private const int EndOffset = YOffset + CoordinateField;

    /// <summary>Takes the key apart. Whether the point lies on the curve shows when the key is imported.</summary>
    /// <param name="block">The key, 1028 bytes.</param>
    /// <param name="key">The public key.</param>
    /// <param name="problem">What is wrong with it, or null.</param>
    public static bool TryRead(ReadOnlySpan<byte> block, out ECParameters key, [NotNullWhen(false)] out string? problem)
    {
        key = default;
        if (block.Length != Size)
        {
            problem = $"an elliptic-curve key has {Size} bytes, not {block.Length}";
            return false;
        }

        uint curveId = BinaryPrimitives.ReadUInt32LittleEndian(block);
        if (!TryGetCurve(curveId, out ECCurve curve, out int size))
        {
            problem = $"curve {curveId} is neither 1 (P-256) nor 2 (P-384)";
            return false;
        }

        if (!LittleEndianNumber.TryRead(block.Slice(XOffset, CoordinateField), size, out byte[] x)
            || !LittleEndianNumber.TryRead(block.Slice(YOffset, CoordinateField), size, out byte[] y))
        {
            problem = $"a coordinate has more than the curve's {size} bytes";
            return false;
        }

        key = new ECParameters { Curve = curve, Q = new ECPoint { X = x, Y = y } };
        problem = null;
        return true;
    }

    /// <summary>Writes the key and its padding.</summary>
    /// <param name="key">A key on P-256 or P-384; its private part is not looked at.</param>
    /// <param name="block">The destination, 1028 bytes; every byte is overwritten.</param>
    /// <exception cref="ArgumentException">The destination has another size, or the key is on another curve.</exception>
    public static void Write(in ECParameters key, Span<byte> block)
    {
        if (block.Length != Size)
        {
            throw new ArgumentException($"an elliptic-curve key has {Size} bytes, not {block.Length}", nameof(block));
        }

        block.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, GetCurveId(key.Curve));
        LittleEndianNumber.Write(key.Q.X, block.Slice(XOffset, CoordinateField));
        LittleEndianNumber.Write(key.Q.Y, block[YOffset..EndOffset]);
    }

    /// <summary>True when the numbers are the coordinates of a point on the curve.</summary>
    /// <param name="key">A public key.</param>
    public static bool IsOnCurve(in ECParameters key)
    {
        try
        {
            using ECDiffieHellman imported = ECDiffieHellman.Create(new ECParameters { Curve = key.Curve, Q = key.Q });
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Bytes of one coordinate on the curve: 32 or 48.</summary>
    /// <param name="curve">P-256 or P-384.</param>
    /// <exception cref="ArgumentException">Another curve.</exception>
    public static int GetCoordinateSize(ECCurve curve) => GetCurveId(curve) == 1 ? 32 : 48;

    private static bool TryGetCurve(uint curveId, out ECCurve curve, out int size)
    {
        (curve, size) = curveId switch
        {
            1 => (ECCurve.NamedCurves.nistP256, 32),
            2 => (ECCurve.NamedCurves.nistP384, 48),
            _ => (default, 0),
        };
        return size != 0;
    }

    private static uint GetCurveId(ECCurve curve)
    {
        string? name = curve.IsNamed ? curve.Oid.Value ?? curve.Oid.FriendlyName : null;
        return name switch
        {
            "1.2.840.10045.3.1.7" or "nistP256" or "ECDSA_P256" => 1,
            "1.3.132.0.34" or "nistP384" or "ECDSA_P384" => 2,
            _ => throw new ArgumentException($"AMD's formats know P-256 and P-384, not {name ?? "an unnamed curve"}", nameof(curve)),
        };
    }
}
