namespace KvmSevVmm.Sev.Measurement;

/// <summary>One way in which the vCPUs of a guest may have been made.</summary>
/// <param name="Profile">Whose page order goes with it.</param>
/// <param name="First">The VMSA of the first vCPU.</param>
/// <param name="Further">The VMSAs of further ones, the last of which repeats; empty where they are not known.</param>
/// <param name="GivenCount">How many vCPUs the inputs say.</param>
/// <param name="Differences">In what it differs from the inputs, in words, but for the count.</param>
internal sealed record VmsaVariant(
    VmsaProfile Profile,
    ReadOnlyMemory<byte> First,
    IReadOnlyList<ReadOnlyMemory<byte>> Further,
    int GivenCount,
    IReadOnlyList<string> Differences)
{
    /// <summary>
    /// What is measured for one vCPU after the other: the count up to it, and its VMSA, turned into something else only once.
    /// </summary>
    internal IEnumerable<(int Count, byte[] Value)> Enumerate(Func<ReadOnlySpan<byte>, byte[]> convert)
    {
        yield return (1, convert(First.Span));
        byte[]? last = null;
        for (int index = 0; index < LaunchVariantFinder.MaximumVcpuCount - 1 && Further.Count > 0; index++)
        {
            last = index < Further.Count ? convert(Further[index].Span) : last!;
            yield return (index + 2, last);
        }
    }
}
