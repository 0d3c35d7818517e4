using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>Words and properties of key usages and algorithms.</summary>
public static class SevKeyNames
{
    /// <summary>The usage as AMD writes it, <c>PEK</c>; a number where it is none of AMD's.</summary>
    /// <param name="usage">A key usage.</param>
    public static string ToName(this SevKeyUsage usage) => usage switch
    {
        SevKeyUsage.Ark => "ARK",
        SevKeyUsage.Ask => "ASK",
        SevKeyUsage.Invalid => "INVALID",
        SevKeyUsage.Oca => "OCA",
        SevKeyUsage.Pek => "PEK",
        SevKeyUsage.Pdh => "PDH",
        SevKeyUsage.Cek => "CEK",
        _ => $"0x{(uint)usage:x}",
    };

    /// <summary>The algorithm as AMD writes it, <c>ECDSA_SHA256</c>; a number where it is none of AMD's.</summary>
    /// <param name="algorithm">A key algorithm.</param>
    public static string ToName(this SevKeyAlgorithm algorithm) => algorithm switch
    {
        SevKeyAlgorithm.None => "NONE",
        SevKeyAlgorithm.RsaSha256 => "RSA_SHA256",
        SevKeyAlgorithm.EcdsaSha256 => "ECDSA_SHA256",
        SevKeyAlgorithm.EcdhSha256 => "ECDH_SHA256",
        SevKeyAlgorithm.RsaSha384 => "RSA_SHA384",
        SevKeyAlgorithm.EcdsaSha384 => "ECDSA_SHA384",
        SevKeyAlgorithm.EcdhSha384 => "ECDH_SHA384",
        _ => $"0x{(uint)algorithm:x}",
    };

    /// <summary>True for an algorithm whose key is an RSA key.</summary>
    /// <param name="algorithm">A key algorithm.</param>
    public static bool IsRsa(this SevKeyAlgorithm algorithm) => algorithm is SevKeyAlgorithm.RsaSha256 or SevKeyAlgorithm.RsaSha384;

    /// <summary>True for an algorithm whose key is a point on an elliptic curve.</summary>
    /// <param name="algorithm">A key algorithm.</param>
    public static bool IsElliptic(this SevKeyAlgorithm algorithm) => algorithm
        is SevKeyAlgorithm.EcdsaSha256 or SevKeyAlgorithm.EcdsaSha384
        or SevKeyAlgorithm.EcdhSha256 or SevKeyAlgorithm.EcdhSha384;

    /// <summary>True for an algorithm that can sign: RSA or ECDSA, not ECDH.</summary>
    /// <param name="algorithm">A key algorithm.</param>
    public static bool CanSign(this SevKeyAlgorithm algorithm) =>
        algorithm.IsRsa() || algorithm is SevKeyAlgorithm.EcdsaSha256 or SevKeyAlgorithm.EcdsaSha384;

    /// <summary>The hash that belongs to the algorithm.</summary>
    /// <param name="algorithm">Any algorithm but <see cref="SevKeyAlgorithm.None"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The algorithm has no hash.</exception>
    public static HashAlgorithmName ToHash(this SevKeyAlgorithm algorithm) => algorithm switch
    {
        SevKeyAlgorithm.RsaSha256 or SevKeyAlgorithm.EcdsaSha256 or SevKeyAlgorithm.EcdhSha256 => HashAlgorithmName.SHA256,
        SevKeyAlgorithm.RsaSha384 or SevKeyAlgorithm.EcdsaSha384 or SevKeyAlgorithm.EcdhSha384 => HashAlgorithmName.SHA384,
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "the algorithm has no hash"),
    };
}
