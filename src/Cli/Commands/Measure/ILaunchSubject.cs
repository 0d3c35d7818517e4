using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>A launch whose digest is wanted.</summary>
internal interface ILaunchSubject : IDisposable
{
    /// <summary>What it is, for the answer.</summary>
    MeasureDocument.SubjectPart Launch { get; }

    /// <summary>What <see cref="Compute"/> reports at the end, roughly; 0 where it reports nothing.</summary>
    long ProgressTotal { get; }

    /// <summary>Computes the launch digest.</summary>
    /// <param name="trace">Where every piece is written down; null for nowhere.</param>
    /// <param name="progress">Who hears of progress.</param>
    byte[] Compute(ICollection<MeasuredStep>? trace, IProgress<long> progress);

    /// <summary>Looks for a variant of the launch whose digest satisfies a condition.</summary>
    /// <param name="isWanted">The condition.</param>
    /// <returns>The variant with the fewest differences, or null.</returns>
    LaunchVariant? FindVariant(Func<ReadOnlySpan<byte>, bool> isWanted);
}
