using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Sev.Certificates;

/// <summary>The first step of every chain: is the root key one that the verifier accepts?</summary>
internal static class RootPinCheck
{
    internal const string Name = "ark.pinned";

    /// <summary>Looks the key up and records what was found.</summary>
    /// <param name="checks">Where the result goes.</param>
    /// <param name="keyFingerprint">SHA-256 over the key's SubjectPublicKeyInfo, 32 bytes.</param>
    /// <param name="anchors">The roots that are accepted.</param>
    /// <returns>The root, or null.</returns>
    internal static TrustedRoot? Check(CheckList checks, ReadOnlySpan<byte> keyFingerprint, TrustAnchors anchors)
    {
        string fingerprint = Convert.ToHexStringLower(keyFingerprint);
        if (!anchors.TryFind(keyFingerprint, out TrustedRoot? root))
        {
            checks.Fail(Name, $"the root key {fingerprint} is none of AMD's");
            return null;
        }

        checks.Pass(Name, root.IsAmd
            ? $"{root.Name} root key {fingerprint}"
            : $"{root.Name} root key {fingerprint}: NOT AMD's, accepted only because it was asked for");
        return root;
    }
}
