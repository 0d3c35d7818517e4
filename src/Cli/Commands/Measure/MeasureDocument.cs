using System.Text.Json;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>What <c>measure --json</c> prints: schema <c>kvmsev.measure/1</c>. Null is what has no meaning for the launch.</summary>
internal sealed record MeasureDocument(
    string Schema,
    string Mode,
    bool Simulated,
    MeasureDocument.SubjectPart Launch,
    string LaunchDigest,
    string Policy,
    IReadOnlyList<string> PolicyMeans,
    MeasureDocument.MeasurementPart? Measurement,
    IReadOnlyList<MeasureDocument.ExpectationPart> Expectations,
    MeasureDocument.IdBlockPart? IdBlock,
    IReadOnlyList<MeasureDocument.PiecePart>? Pieces)
{
    /// <summary>The schema's name.</summary>
    internal const string SchemaName = "kvmsev.measure/1";

    /// <summary>Writes the document and a line end.</summary>
    /// <param name="output">Takes UTF-8 text.</param>
    internal void Write(Stream output)
    {
        output.Write(JsonSerializer.SerializeToUtf8Bytes(this, CliJsonContext.Readable.MeasureDocument));
        output.Write("\n"u8);
    }

    /// <summary>What is launched.</summary>
    /// <param name="Boot"><c>direct</c>, <c>firmware</c>, <c>firmware-only</c> or <c>digest</c>.</param>
    /// <param name="Kernel">The kernel file.</param>
    /// <param name="Initramfs">The initrd file.</param>
    /// <param name="Cmdline">The command line.</param>
    /// <param name="Firmware">The firmware file.</param>
    /// <param name="KernelHashes">Whether a hash table is measured.</param>
    /// <param name="MemoryBytes">Guest RAM.</param>
    /// <param name="Cpus">Number of vCPUs.</param>
    /// <param name="CBit">The C-bit.</param>
    /// <param name="LegacyVmType">Whether the guest is made by KVM_SEV_ES_INIT.</param>
    /// <param name="Vmm">Whose VMSAs.</param>
    /// <param name="CpuSignature">CPUID Fn0000_0001 EAX.</param>
    /// <param name="SevFeatures">SEV_FEATURES.</param>
    internal sealed record SubjectPart(
        string Boot,
        string? Kernel = null,
        string? Initramfs = null,
        string? Cmdline = null,
        string? Firmware = null,
        bool? KernelHashes = null,
        ulong? MemoryBytes = null,
        int? Cpus = null,
        int? CBit = null,
        bool? LegacyVmType = null,
        string? Vmm = null,
        string? CpuSignature = null,
        string? SevFeatures = null);

    /// <summary>The keyed proof: base64 of measurement and nonce, as QEMU and libvirt write it.</summary>
    internal sealed record MeasurementPart(string FirmwareVersion, string Nonce, string Measure, string Blob);

    /// <summary>What was expected, whether it came, and else the variant that gives it.</summary>
    internal sealed record ExpectationPart(
        string Option, string Value, bool Matches, IReadOnlyList<string>? Variant, string? VariantLaunchDigest);

    /// <summary>The signed ID block: base64, and the digests of its keys in hex.</summary>
    internal sealed record IdBlockPart(string Block, string Authentication, string IdKeyDigest, string AuthorKeyDigest);

    /// <summary>One piece as it was measured.</summary>
    internal sealed record PiecePart(string Name, string Kind, string? Gpa, long Bytes, string ContentsHash, string DigestAfter);
}
