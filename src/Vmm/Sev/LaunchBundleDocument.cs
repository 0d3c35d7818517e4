namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// The JSON of a launch bundle, schema <c>kvmsev.launch-bundle/1</c>; the order of the properties is the order in the file.
/// </summary>
internal sealed record LaunchBundleDocument(
    string Schema,
    string Mode,
    bool Simulated,
    string Kind,
    string InitInterface,
    string Policy,
    LaunchBundleDocument.FirmwarePart Firmware,
    uint Handle,
    int CBit,
    ulong MemoryBytes,
    int Vcpus,
    string CpuSignature,
    IReadOnlyList<LaunchBundleDocument.PiecePart> Pieces,
    IReadOnlyList<LaunchBundleDocument.SaveAreaPart> SaveAreas,
    LaunchBundleDocument.AreaPart? SecretArea,
    string LaunchDigest,
    string Measurement,
    LaunchBundleDocument.PlatformPart? Platform)
{
    /// <summary>The firmware's version.</summary>
    internal sealed record FirmwarePart(byte ApiMajor, byte ApiMinor, byte Build);

    /// <summary>A launched piece: its digest is of the plain text.</summary>
    internal sealed record PiecePart(string Name, string Gpa, ulong Bytes, string Sha256);

    /// <summary>A vCPU's save area; the page is base64.</summary>
    internal sealed record SaveAreaPart(int Vcpu, string Sha256, string Page);

    /// <summary>A range of guest memory.</summary>
    internal sealed record AreaPart(string Gpa, ulong Bytes);

    /// <summary>Certificates, base64 each.</summary>
    internal sealed record PlatformPart(string Pdh, string Chain, string? SignedCek, string? Authority);
}
