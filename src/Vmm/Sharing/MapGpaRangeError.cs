namespace KvmSevVmm.Vmm.Sharing;

/// <summary>Why the arguments of hypercall 12 were refused.</summary>
public enum MapGpaRangeError
{
    /// <summary>They were not.</summary>
    None = 0,

    /// <summary>The address is not a multiple of 4 KiB.</summary>
    UnalignedAddress,

    /// <summary>The page count is zero.</summary>
    ZeroPages,

    /// <summary>The range reaches or passes 2^64.</summary>
    RangeOverflow,

    /// <summary>Bits 3:0 of the attributes name no page size.</summary>
    UnknownPageSize,

    /// <summary>A bit of the attributes above bit 4 is set.</summary>
    ReservedAttributeBits,

    /// <summary>The status of a PageEncStatus call is neither 0 nor 1.</summary>
    UnknownEncryptionStatus,

    /// <summary>Some of the range is not the guest's RAM.</summary>
    OutsideMemory,

    /// <summary>The guest was not offered this call, or there is none of this number.</summary>
    NotOffered,

    /// <summary>The kernel refused to convert the pages of a SEV-SNP guest.</summary>
    NotConverted,
}
