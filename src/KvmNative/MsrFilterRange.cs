namespace KvmSevVmm.KvmNative;

/// <summary>A run of MSRs with one bit each: 1 lets KVM handle the access, 0 denies it (an exit, if the filter capability is on).</summary>
/// <param name="Flags">1 for reads, 2 for writes, 3 for both (KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE).</param>
/// <param name="FirstMsr">The first MSR's index.</param>
/// <param name="MsrCount">How many MSRs; 1 to 12,288 (KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8).</param>
/// <param name="Bitmap">One bit per MSR, lowest bit first, in whole 64-bit words.</param>
public readonly record struct MsrFilterRange(uint Flags, uint FirstMsr, uint MsrCount, ReadOnlyMemory<byte> Bitmap)
{
    private const uint MostMsrs = 0x600 * 8;

    /// <summary>A range that denies every MSR in it.</summary>
    /// <param name="flags">1 for reads, 2 for writes, 3 for both.</param>
    /// <param name="firstMsr">The first MSR's index.</param>
    /// <param name="msrCount">How many MSRs.</param>
    public static MsrFilterRange Deny(uint flags, uint firstMsr, uint msrCount) =>
        new(flags, firstMsr, msrCount, new byte[BitmapLength(msrCount)]);

    /// <summary>The bytes that a bitmap of <paramref name="msrCount"/> MSRs takes.</summary>
    /// <param name="msrCount">How many MSRs; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">0, or more than the kernel takes.</exception>
    public static int BitmapLength(uint msrCount)
    {
        ArgumentOutOfRangeException.ThrowIfZero(msrCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(msrCount, MostMsrs);
        return (int)((msrCount + 63) / 64) * sizeof(ulong);
    }

    /// <summary>Checks what the kernel will read by address.</summary>
    /// <exception cref="ArgumentException">The bitmap does not fit the range.</exception>
    internal void Validate()
    {
        if (Bitmap.Length != BitmapLength(MsrCount))
        {
            throw new ArgumentException($"{MsrCount} MSRs need a bitmap of {BitmapLength(MsrCount)} bytes, not {Bitmap.Length}.");
        }
    }
}
