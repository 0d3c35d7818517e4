using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>A launch digest that is known already.</summary>
internal sealed class DigestSubject(byte[] digest) : ILaunchSubject
{
    /// <inheritdoc/>
    public MeasureDocument.SubjectPart Launch { get; } = new("digest");

    /// <inheritdoc/>
    public long ProgressTotal => 0;

    /// <inheritdoc/>
    public byte[] Compute(ICollection<MeasuredStep>? trace, IProgress<long> progress) => digest;

    /// <inheritdoc/>
    public LaunchVariant? FindVariant(Func<ReadOnlySpan<byte>, bool> isWanted) => null;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
