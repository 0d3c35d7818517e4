namespace KvmSevVmm.Sev.Measurement;

/// <summary>One piece of a launch, as it went into the digest: for SEV and SEV-ES a range, for SEV-SNP a page.</summary>
/// <param name="Label">What it is, in words: <c>firmware</c>, <c>hash table</c>, <c>VMSA of vCPU 0</c>.</param>
/// <param name="Kind">How it was launched: <c>DATA</c> or <c>VMSA</c>, for SEV-SNP the page type.</param>
/// <param name="Gpa">Its guest physical address; null where the digest does not depend on one.</param>
/// <param name="Size">Bytes.</param>
/// <param name="ContentsHash">SHA-256 or SHA-384 of its contents; 48 zero bytes for a SEV-SNP page whose contents are not measured.</param>
/// <param name="DigestAfter">The launch digest after it.</param>
public sealed record MeasuredStep(
    string Label,
    string Kind,
    ulong? Gpa,
    long Size,
    ReadOnlyMemory<byte> ContentsHash,
    ReadOnlyMemory<byte> DigestAfter);
