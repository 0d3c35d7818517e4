using System.Diagnostics.CodeAnalysis;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>The root keys that a verifier accepts: AMD's, and others only where the caller says so in so many words.</summary>
public sealed class TrustAnchors
{
    private readonly Dictionary<string, TrustedRoot> _others;

    private TrustAnchors(Dictionary<string, TrustedRoot> others)
    {
        _others = others;
    }

    /// <summary>AMD's root keys and no other: the only safe choice for a real guest.</summary>
    public static TrustAnchors AmdOnly { get; } = new([]);

    /// <summary>
    /// These roots and one more that is not AMD's, such as a software model's. Whoever holds its private key can forge everything.
    /// </summary>
    /// <param name="keyFingerprint">SHA-256 over the key's SubjectPublicKeyInfo, 32 bytes.</param>
    /// <param name="name">What to call it in results.</param>
    public TrustAnchors AlsoTrusting(ReadOnlySpan<byte> keyFingerprint, string name) =>
        new(new Dictionary<string, TrustedRoot>(_others) { [Convert.ToHexStringLower(keyFingerprint)] = new TrustedRoot(name, null) });

    /// <summary>Looks for a key among the roots.</summary>
    /// <param name="keyFingerprint">SHA-256 over the key's SubjectPublicKeyInfo, 32 bytes.</param>
    /// <param name="root">The root, or null.</param>
    public bool TryFind(ReadOnlySpan<byte> keyFingerprint, [NotNullWhen(true)] out TrustedRoot? root)
    {
        KnownRoot? amd = KnownRoots.Find(keyFingerprint);
        root = amd is null
            ? _others.GetValueOrDefault(Convert.ToHexStringLower(keyFingerprint))
            : new TrustedRoot($"AMD {amd.Generation}", amd.Generation);
        return root is not null;
    }
}
