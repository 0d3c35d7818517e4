namespace KvmSevVmm.Sev.Certificates;

/// <summary>One of AMD's root keys.</summary>
/// <param name="Generation">The processors whose chains end at it.</param>
/// <param name="KeyId">The name that AMD's binary certificate gives it, 16 bytes in hex.</param>
/// <param name="KeyFingerprint">SHA-256 over the key's SubjectPublicKeyInfo, in hex.</param>
public sealed record KnownRoot(SevGeneration Generation, string KeyId, string KeyFingerprint);
