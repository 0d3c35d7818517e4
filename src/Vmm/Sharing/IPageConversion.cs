using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What converting pages of a SEV-SNP guest needs of the kernel; a seam, so that tests can watch the order.</summary>
internal interface IPageConversion
{
    /// <summary>Every range of RAM, ascending; each has a private half of its own.</summary>
    IReadOnlyList<GpaRange> Ranges { get; }

    /// <summary>Decides which half the guest sees: KVM_SET_MEMORY_ATTRIBUTES.</summary>
    /// <param name="range">Whole pages.</param>
    /// <param name="isPrivate">Which half.</param>
    /// <exception cref="KvmNative.Errors.KvmException">The kernel refused.</exception>
    void SetPrivate(GpaRange range, bool isPrivate);

    /// <summary>Gives the host the shared half of pages back.</summary>
    /// <param name="range">Whole pages of one RAM range.</param>
    /// <exception cref="KvmNative.Errors.KvmException">The kernel refused.</exception>
    void DiscardShared(GpaRange range);

    /// <summary>Gives the host the private half of pages back; their content is lost.</summary>
    /// <param name="rangeIndex">Index into <see cref="Ranges"/>.</param>
    /// <param name="range">Whole pages of that range.</param>
    /// <exception cref="KvmNative.Errors.KvmException">The kernel refused.</exception>
    void DiscardPrivate(int rangeIndex, GpaRange range);
}
