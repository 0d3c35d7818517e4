using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>Makes private keys on P-256 and P-384: with the BCL's generator, or repeatably from a seeded source.</summary>
public static class EcKeyGenerator
{
    // Orders of the groups, big-endian. Source: NIST SP 800-186.
    private static readonly byte[] OrderP256 =
        Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");

    private static readonly byte[] OrderP384 = Convert.FromHexString(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973");

    /// <summary>Makes a key pair.</summary>
    /// <param name="curve">P-256 or P-384.</param>
    /// <param name="random">Where it comes from.</param>
    /// <returns>The pair with its private part; clear <see cref="ECParameters.D"/> after use.</returns>
    public static ECParameters Create(ECCurve curve, IRandomSource random)
    {
        if (random is SystemRandomSource)
        {
            using ECDiffieHellman generated = ECDiffieHellman.Create(curve);
            return generated.ExportParameters(includePrivateParameters: true);
        }

        byte[] order = GetOrder(curve);
        byte[] scalar = new byte[order.Length];

        // Drawn again in the rare case that the number is 0 or not below the order.
        do
        {
            random.Fill(scalar);
        }
        while (!scalar.AsSpan().ContainsAnyExcept((byte)0) || scalar.AsSpan().SequenceCompareTo(order) >= 0);

        using ECDiffieHellman key = ECDiffieHellman.Create(new ECParameters { Curve = curve, D = scalar });
        ECParameters pair = key.ExportParameters(includePrivateParameters: true);
        CryptographicOperations.ZeroMemory(scalar);
        return pair;
    }

    private static byte[] GetOrder(ECCurve curve) =>
        AmdEcKey.GetCoordinateSize(curve) == OrderP256.Length ? OrderP256 : OrderP384;
}
