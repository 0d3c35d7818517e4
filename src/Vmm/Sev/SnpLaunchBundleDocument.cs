namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// The JSON of a SEV-SNP guest's launch bundle, schema <c>kvmsev.launch-bundle/1</c>, kind <c>sev-snp</c>; the order of the properties is
/// the order in the file.
/// </summary>
internal sealed record SnpLaunchBundleDocument(
    string Schema,
    string Mode,
    bool Simulated,
    string Kind,
    string Policy,
    LaunchBundleDocument.FirmwarePart Firmware,
    int Vcpus,
    string VmsaProfile,
    string CpuSignature,
    string SevFeatures,
    IReadOnlyList<SnpLaunchBundleDocument.PagesPart> Pages,
    SnpLaunchBundleDocument.KernelPart? KernelHashes,
    IReadOnlyList<string> SaveAreas,
    SnpLaunchBundleDocument.IdBlockPart? IdBlock,
    bool VcekDisabled,
    string HostData,
    string LaunchDigest)
{
    /// <summary>Pages of one kind: hash of their contents where these are measured, and the launch digest after them, hex.</summary>
    internal sealed record PagesPart(string Name, string Gpa, ulong Bytes, string Type, string? Sha384, string DigestAfter);

    /// <summary>The hash table: where it lies, and its hashes in hex.</summary>
    internal sealed record KernelPart(string Gpa, string Kernel, string Initrd, string CommandLine);

    /// <summary>The owner's ID block and its authentication, base64 as <c>--sev id-block</c> takes them.</summary>
    internal sealed record IdBlockPart(string Block, string Authentication, bool AuthorKey);
}
