namespace KvmSevVmm.Sev.Certificates;

/// <summary>
/// AMD's root keys, pinned. The fingerprint is taken over the key alone, so it is the same for AMD's binary certificate and for the
/// X.509 one; the keys themselves come with the certificates that the user gives.
/// </summary>
/// <remarks>Source: the ARK certificates that AMD publishes (download.amd.com, kdsintf.amd.com).</remarks>
public static class KnownRoots
{
    /// <summary>All of them, oldest first.</summary>
    public static IReadOnlyList<KnownRoot> All { get; } =
    [
        new KnownRoot(
            SevGeneration.Naples,
            "1bb987c359494606b174945601c9ea5b",
            "3a04f8f1347de206c9206a81148ba4ef0a233b245d43a15dd82de043bb3e4f69"),
        new KnownRoot(
            SevGeneration.Rome,
            "e6002122fb58419399d15fee7b131351",
            "7447ffa21e2b938bfade89f5e9066c00a328813bfc43685605cceabd18da6fde"),
        new KnownRoot(
            SevGeneration.Milan,
            "94c38e4177d0479292a7ae671d083fb6",
            "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"),
        new KnownRoot(
            SevGeneration.Genoa,
            "9f9d4a8fe761456599f6946c4c010f3a",
            "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"),
        new KnownRoot(
            SevGeneration.Turin,
            "d05c3a8bde484904b49552422ceb3942",
            "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"),
    ];

    /// <summary>The root with that key, or null.</summary>
    /// <param name="keyFingerprint">SHA-256 over the key's SubjectPublicKeyInfo, 32 bytes.</param>
    public static KnownRoot? Find(ReadOnlySpan<byte> keyFingerprint)
    {
        string text = Convert.ToHexStringLower(keyFingerprint);
        return All.FirstOrDefault(root => root.KeyFingerprint == text);
    }
}
