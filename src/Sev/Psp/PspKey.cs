using System.Security.Cryptography;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Sev.Psp;

/// <summary>One private key of the platform, on P-384.</summary>
internal sealed class PspKey
{
    private readonly byte[] _scalar;

    private PspKey(in ECParameters pair)
    {
        _scalar = pair.D!;
        Public = new ECParameters { Curve = pair.Curve, Q = pair.Q };
    }

    internal ECParameters Public { get; }

    /// <summary>The private number, big-endian, 48 bytes.</summary>
    internal ReadOnlySpan<byte> Scalar => _scalar;

    internal static PspKey Create(IRandomSource random) => new(EcKeyGenerator.Create(ECCurve.NamedCurves.nistP384, random));

    /// <summary>Rebuilds a key from its private number.</summary>
    /// <param name="scalar">The number, big-endian, 48 bytes.</param>
    /// <exception cref="CryptographicException">It is no private key.</exception>
    internal static PspKey Import(ReadOnlySpan<byte> scalar)
    {
        using ECDiffieHellman key = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP384, D = scalar.ToArray() });
        return Import(key);
    }

    internal static PspKey Import(ECDiffieHellman key) => new(key.ExportParameters(includePrivateParameters: true));

    internal ECDsa ToSigner() => ECDsa.Create(ToParameters());

    internal ECDiffieHellman ToAgreement() => ECDiffieHellman.Create(ToParameters());

    private ECParameters ToParameters() => new() { Curve = Public.Curve, Q = Public.Q, D = _scalar };
}
