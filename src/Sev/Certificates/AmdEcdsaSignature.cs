using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>An ECDSA signature as AMD's structures hold it: R[72] then S[72], both little-endian.</summary>
/// <remarks>Source: AMD SEV API 55766, ECDSA signature; AMD SNP ABI 56860, ATTESTATION_REPORT.</remarks>
public static class AmdEcdsaSignature
{
    /// <summary>Bytes of R and S together.</summary>
    public const int Size = 2 * ComponentSize;

    /// <summary>Bytes of the field that holds a signature of any kind; after R and S it is zero.</summary>
    public const int FieldSize = 512;

    private const int ComponentSize = 72;

    /// <summary>Verifies a signature.</summary>
    /// <param name="key">The signer's public key.</param>
    /// <param name="data">What was signed.</param>
    /// <param name="hash">The hash that belongs to the signature's algorithm.</param>
    /// <param name="signature">R and S, 144 bytes, and zeros after them if there is more.</param>
    /// <returns>
    /// False when the signature does not verify, R or S is larger than the curve allows, the bytes after S are not zero, or the key is
    /// no point on its curve.
    /// </returns>
    public static bool Verify(in ECParameters key, ReadOnlySpan<byte> data, HashAlgorithmName hash, ReadOnlySpan<byte> signature)
    {
        if (!TryToIeeeP1363(signature, AmdEcKey.GetCoordinateSize(key.Curve), out byte[] converted))
        {
            return false;
        }

        try
        {
            using ECDsa verifier = ECDsa.Create(new ECParameters { Curve = key.Curve, Q = key.Q });
            return verifier.VerifyData(data, converted, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        catch (CryptographicException)
        {
            // The point is not on the curve.
            return false;
        }
    }

    /// <summary>Signs.</summary>
    /// <param name="key">The signer's private key, on P-256 or P-384.</param>
    /// <param name="data">What to sign.</param>
    /// <param name="hash">The hash that belongs to the signature's algorithm.</param>
    /// <param name="signature">Where R and S go: 144 bytes or more; the rest becomes zero.</param>
    public static void Sign(ECDsa key, ReadOnlySpan<byte> data, HashAlgorithmName hash, Span<byte> signature)
    {
        byte[] made = key.SignData(data, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        int size = made.Length / 2;
        signature.Clear();
        LittleEndianNumber.Write(made.AsSpan(0, size), signature[..ComponentSize]);
        LittleEndianNumber.Write(made.AsSpan(size), signature[ComponentSize..Size]);
    }

    /// <summary>Converts to R‖S, both big-endian and of the curve's size, as the BCL wants it.</summary>
    /// <param name="signature">R and S, 144 bytes, and zeros after them if there is more.</param>
    /// <param name="coordinateSize">Bytes of a number on the curve: 32 or 48.</param>
    /// <param name="converted">The signature for the BCL.</param>
    /// <returns>False when a number is too large, the bytes after S are not zero, or there are fewer than 144 bytes.</returns>
    public static bool TryToIeeeP1363(ReadOnlySpan<byte> signature, int coordinateSize, out byte[] converted)
    {
        converted = [];
        if (signature.Length < Size || signature[Size..].ContainsAnyExcept((byte)0)
            || !LittleEndianNumber.TryRead(signature[..ComponentSize], coordinateSize, out byte[] r)
            || !LittleEndianNumber.TryRead(signature[ComponentSize..Size], coordinateSize, out byte[] s))
        {
            return false;
        }

        converted = [.. r, .. s];
        return true;
    }
}
