namespace KvmSevVmm.Cli.Commands;

/// <summary>The JSON of <c>version --json</c>, schema <c>kvmsev.version/1</c>.</summary>
/// <param name="Schema">Name and version of the schema.</param>
/// <param name="Program">Always <c>kvmsev</c>.</param>
/// <param name="Version">Version of the program.</param>
/// <param name="Commit">Commit that it was built from, or null when the build did not know.</param>
/// <param name="Runtime">The .NET runtime.</param>
/// <param name="Compilation"><c>native</c> (ahead of time) or <c>jit</c>.</param>
/// <param name="OperatingSystem">Distribution and kernel release.</param>
/// <param name="Kvm">The KVM device.</param>
internal sealed record VersionDocument(
    string Schema,
    string Program,
    string Version,
    string? Commit,
    string Runtime,
    string Compilation,
    string OperatingSystem,
    VersionDocument.KvmPart Kvm)
{
    /// <summary>The KVM device.</summary>
    /// <param name="Path">Its path.</param>
    /// <param name="ApiVersion">What KVM_GET_API_VERSION said; null when the device did not open.</param>
    /// <param name="Error">Why it did not open, or null.</param>
    internal sealed record KvmPart(string Path, int? ApiVersion, string? Error);
}
