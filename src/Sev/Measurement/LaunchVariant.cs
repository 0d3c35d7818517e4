namespace KvmSevVmm.Sev.Measurement;

/// <summary>A launch that gives a certain digest, and in what it differs from the one that was expected to give it.</summary>
/// <param name="Differences">The differences in words, one each; none where the inputs fit as they are.</param>
/// <param name="VcpuCount">vCPUs; 0 for SEV, whose digest does not depend on them.</param>
/// <param name="Digest">The launch digest.</param>
public sealed record LaunchVariant(IReadOnlyList<string> Differences, int VcpuCount, ReadOnlyMemory<byte> Digest)
{
    /// <summary>The differences as one line.</summary>
    public override string ToString() => Differences.Count == 0 ? "the inputs as they are" : string.Join("; ", Differences);
}
