namespace KvmSevVmm.KvmNative;

/// <summary>What madvise(2) is told about a range.</summary>
/// <remarks>Source: kernel header asm-generic/mman-common.h.</remarks>
public enum MemoryAdvice
{
    /// <summary>MADV_NORMAL: no special treatment.</summary>
    Normal = 0,

    /// <summary>MADV_DONTNEED: give the pages back now; private anonymous memory reads as zero afterwards.</summary>
    DontNeed = 4,

    /// <summary>MADV_DONTFORK: a child process does not get the range.</summary>
    DontFork = 10,

    /// <summary>MADV_HUGEPAGE: back the range with huge pages where possible.</summary>
    HugePage = 14,

    /// <summary>MADV_NOHUGEPAGE: never back the range with huge pages.</summary>
    NoHugePage = 15,

    /// <summary>MADV_DONTDUMP: leave the range out of core dumps.</summary>
    DontDump = 16,

    /// <summary>MADV_POPULATE_WRITE: fault all pages in, writable. Linux 5.14 and newer.</summary>
    PopulateWrite = 23,
}
