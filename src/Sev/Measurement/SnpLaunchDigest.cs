using System.Buffers.Binary;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// The launch digest of a SEV-SNP guest, as the firmware builds it page by page: LD' = SHA-384(PAGE_INFO), where PAGE_INFO is LD[48] ‖
/// hash of the contents[48] ‖ u16 0x70 ‖ page type ‖ five zero bytes ‖ gpa u64, and LD starts as 48 zero bytes.
/// </summary>
/// <remarks>
/// Source: AMD SNP ABI 56860, SNP_LAUNCH_UPDATE, PAGE_INFO. The five bytes hold IMI_PAGE and the permissions of VMPL 1 to 3, none of
/// which Linux sets. A 2 MiB page counts as its 512 pages of 4 KiB.
/// </remarks>
public sealed class SnpLaunchDigest
{
    /// <summary>Bytes of the digest: SHA-384.</summary>
    public const int Size = SHA384.HashSizeInBytes;

    /// <summary>Bytes of a page.</summary>
    public const int PageSize = 4096;

    /// <summary>The guest physical address under which Linux launches every VMSA.</summary>
    public const ulong VmsaGpa = 0xFFFFFFFFF000;

    private const int InfoSize = 0x70;
    private const int ContentsOffset = Size;
    private const int LengthOffset = 0x60;
    private const int TypeOffset = 0x62;
    private const int GpaOffset = 0x68;

    // Pages whose contents are hashed at a time: enough for all cores, little enough to stay near the caches.
    private const int BatchPages = 2048;

    private static readonly byte[] NoContents = new byte[Size];

    private readonly byte[] _digest = new byte[Size];

    /// <summary>Starts a launch.</summary>
    public SnpLaunchDigest()
    {
    }

    /// <summary>Goes on from a digest computed before, such as that of a firmware image alone.</summary>
    /// <param name="digest">The digest, 48 bytes.</param>
    /// <exception cref="ArgumentException">It has another length.</exception>
    public SnpLaunchDigest(ReadOnlySpan<byte> digest)
    {
        if (digest.Length != Size)
        {
            throw new ArgumentException($"a digest of {digest.Length} bytes instead of {Size}", nameof(digest));
        }

        digest.CopyTo(_digest);
    }

    /// <summary>The digest so far, 48 bytes; the span shows later updates.</summary>
    public ReadOnlySpan<byte> Digest => _digest;

    /// <summary>Where every page is written down; null to spare the memory.</summary>
    public ICollection<MeasuredStep>? Trace { get; init; }

    /// <summary>Who hears of progress, in pages since the start; null for nobody.</summary>
    public IProgress<long>? Progress { get; init; }

    /// <summary>Pages so far.</summary>
    public long PageCount { get; private set; }

    /// <summary>Adds one page.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="gpa">Its guest physical address, a multiple of 4096.</param>
    /// <param name="contentsHash">SHA-384 of its contents for normal pages and VMSAs, 48 zero bytes for the others.</param>
    /// <param name="label">What it is, for the trace.</param>
    /// <exception cref="ArgumentException">The hash has another length, or the address is no page's.</exception>
    public void Update(SnpPageType type, ulong gpa, ReadOnlySpan<byte> contentsHash, string label)
    {
        if (contentsHash.Length != Size)
        {
            throw new ArgumentException($"a hash of {contentsHash.Length} bytes instead of {Size}", nameof(contentsHash));
        }

        RequirePage(gpa, PageSize);
        Extend(type, gpa, contentsHash, label);
    }

    /// <summary>Adds pages whose contents are not measured: zero, unmeasured, secrets or CPUID pages.</summary>
    /// <param name="type">Their type.</param>
    /// <param name="gpa">The first page's guest physical address, a multiple of 4096.</param>
    /// <param name="size">Bytes, a multiple of 4096.</param>
    /// <param name="label">What they are, for the trace.</param>
    /// <exception cref="ArgumentException">The range is not whole pages, or the type has measured contents.</exception>
    public void UpdateWithoutContents(SnpPageType type, ulong gpa, ulong size, string label)
    {
        if (type is SnpPageType.Normal or SnpPageType.Vmsa)
        {
            throw new ArgumentException($"the contents of {type} pages are measured", nameof(type));
        }

        RequirePage(gpa, size);
        for (ulong offset = 0; offset < size; offset += PageSize)
        {
            Extend(type, gpa + offset, NoContents, label);
        }
    }

    /// <summary>Adds pages with contents, on this thread alone.</summary>
    /// <param name="gpa">The first page's guest physical address, a multiple of 4096.</param>
    /// <param name="pages">Their contents, a multiple of 4096 bytes.</param>
    /// <param name="label">What they are, for the trace.</param>
    /// <exception cref="ArgumentException">The range is not whole pages.</exception>
    public void UpdateNormal(ulong gpa, ReadOnlySpan<byte> pages, string label)
    {
        RequirePage(gpa, (ulong)pages.Length);
        Span<byte> hash = stackalloc byte[Size];
        for (int offset = 0; offset < pages.Length; offset += PageSize)
        {
            PageHash.Compute(pages.Slice(offset, PageSize), hash);
            Extend(SnpPageType.Normal, gpa + (ulong)offset, hash, label);
        }
    }

    /// <summary>Adds pages with contents, hashing them on all cores. The chain itself cannot be split.</summary>
    /// <param name="gpa">The first page's guest physical address, a multiple of 4096.</param>
    /// <param name="pages">Their contents, a multiple of 4096 bytes.</param>
    /// <param name="label">What they are, for the trace.</param>
    /// <exception cref="ArgumentException">The range is not whole pages.</exception>
    public void UpdateNormalInParallel(ulong gpa, ReadOnlyMemory<byte> pages, string label)
    {
        RequirePage(gpa, (ulong)pages.Length);

        // While one batch is chained here, the next is hashed over there.
        int pageCount = pages.Length / PageSize;
        Task<byte[]> next = HashBatch(pages, 0, pageCount);
        for (int first = 0; first < pageCount; first += BatchPages)
        {
            byte[] hashes = next.GetAwaiter().GetResult();
            if (first + BatchPages < pageCount)
            {
                next = HashBatch(pages, first + BatchPages, pageCount);
            }

            for (int index = 0; index < hashes.Length / Size; index++)
            {
                Extend(SnpPageType.Normal, gpa + ((ulong)(first + index) * PageSize), hashes.AsSpan(index * Size, Size), label);
            }
        }
    }

    /// <summary>Adds the VMSA of a vCPU. The firmware clears its time-stamp scale and offset before it hashes, and so does this.</summary>
    /// <param name="vmsa">The VMSA, 4096 bytes.</param>
    /// <param name="label">Whose it is, for the trace.</param>
    /// <exception cref="ArgumentException">It has another length.</exception>
    public void UpdateVmsa(ReadOnlySpan<byte> vmsa, string label) => Extend(SnpPageType.Vmsa, VmsaGpa, HashVmsa(vmsa), label);

    /// <summary>The hash of a VMSA as it goes into the chain, 48 bytes.</summary>
    /// <param name="vmsa">The VMSA, 4096 bytes.</param>
    /// <exception cref="ArgumentException">It has another length.</exception>
    public static byte[] HashVmsa(ReadOnlySpan<byte> vmsa)
    {
        if (vmsa.Length != Vmsa.Size)
        {
            throw new ArgumentException($"a VMSA of {vmsa.Length} bytes instead of {Vmsa.Size}", nameof(vmsa));
        }

        byte[] page = vmsa.ToArray();
        page.AsSpan(Vmsa.GuestTscScaleOffset, Vmsa.GuestTscSize).Clear();
        return SHA384.HashData(page);
    }

    private static Task<byte[]> HashBatch(ReadOnlyMemory<byte> pages, int first, int pageCount)
    {
        int count = Math.Min(BatchPages, pageCount - first);
        return Task.Run(() =>
        {
            byte[] hashes = new byte[count * Size];
            Parallel.For(0, count, index =>
                PageHash.Compute(pages.Span.Slice((first + index) * PageSize, PageSize), hashes.AsSpan(index * Size, Size)));
            return hashes;
        });
    }

    private static void RequirePage(ulong gpa, ulong size)
    {
        if (gpa % PageSize != 0 || size % PageSize != 0)
        {
            throw new ArgumentException($"0x{gpa:x} and {size} bytes are not whole pages", nameof(gpa));
        }
    }

    private void Extend(SnpPageType type, ulong gpa, ReadOnlySpan<byte> contentsHash, string label)
    {
        Span<byte> info = stackalloc byte[InfoSize];
        info.Clear();
        _digest.CopyTo(info);
        contentsHash.CopyTo(info[ContentsOffset..]);
        BinaryPrimitives.WriteUInt16LittleEndian(info[LengthOffset..], InfoSize);
        info[TypeOffset] = (byte)type;
        BinaryPrimitives.WriteUInt64LittleEndian(info[GpaOffset..], gpa);
        PageHash.Compute(info, _digest);
        PageCount++;
        Trace?.Add(new MeasuredStep(label, GetName(type), gpa, PageSize, contentsHash.ToArray(), _digest.ToArray()));
        if (Progress is not null && PageCount % BatchPages == 0)
        {
            Progress.Report(PageCount);
        }
    }

    private static string GetName(SnpPageType type) => type switch
    {
        SnpPageType.Normal => "NORMAL",
        SnpPageType.Vmsa => "VMSA",
        SnpPageType.Zero => "ZERO",
        SnpPageType.Unmeasured => "UNMEASURED",
        SnpPageType.Secrets => "SECRETS",
        SnpPageType.Cpuid => "CPUID",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no page type"),
    };
}
