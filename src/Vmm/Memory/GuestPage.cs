namespace KvmSevVmm.Vmm.Memory;

/// <summary>The page that encryption status, dirty logging and memslots are counted in: 4 KiB on x86.</summary>
public static class GuestPage
{
    /// <summary>Bytes in a page.</summary>
    public const int Size = 4096;

    /// <summary>Bits to shift a GPA right for its frame number.</summary>
    public const int Shift = 12;

    /// <summary>Whether <paramref name="value"/> is a multiple of the page size.</summary>
    /// <param name="value">An address or a length in bytes.</param>
    public static bool IsAligned(ulong value) => (value & (Size - 1)) == 0;

    /// <summary>The largest page boundary not above <paramref name="value"/>.</summary>
    /// <param name="value">An address or a length in bytes.</param>
    public static ulong RoundDown(ulong value) => value & ~(ulong)(Size - 1);

    /// <summary>The smallest page boundary not below <paramref name="value"/>.</summary>
    /// <param name="value">An address or a length in bytes, at most 2^64 - 4096.</param>
    /// <exception cref="OverflowException"><paramref name="value"/> lies in the last page of the address space.</exception>
    public static ulong RoundUp(ulong value) => RoundDown(checked(value + (Size - 1)));
}
