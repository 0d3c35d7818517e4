using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sharing;

/// <summary>What a guest asked for with hypercall 12 (KVM_HC_MAP_GPA_RANGE), checked except for where its RAM is.</summary>
/// <param name="Range">The pages: whole, at least one.</param>
/// <param name="State">The state they shall have: private or shared.</param>
/// <param name="PageSizeHint">The page size that the guest named; changes nothing.</param>
/// <remarks>Source: Linux Documentation/virt/kvm/x86/hypercalls.rst. KVM itself checks alignment and count (in frames); attributes it
/// passes on unseen.</remarks>
public readonly record struct MapGpaRangeRequest(GpaRange Range, PageState State, PageSizeHint PageSizeHint)
{
    private const ulong PageSizeMask = 0xf;
    private const ulong EncryptedBit = 1UL << 4;

    /// <summary>Reads the arguments of one call.</summary>
    /// <param name="gpa">First argument: the address, without the C-bit.</param>
    /// <param name="pages">Second argument: 4 KiB pages.</param>
    /// <param name="attributes">Third argument: attributes (<see cref="HypercallAbi.MapGpaRange"/>) or status (<see
    /// cref="HypercallAbi.PageEncStatus"/>).</param>
    /// <param name="abi">How the third argument is meant.</param>
    /// <param name="request">The request, when the result is true.</param>
    /// <param name="error">The first rule that the call breaks, when the result is false.</param>
    public static bool TryParse(
        ulong gpa, ulong pages, ulong attributes, HypercallAbi abi, out MapGpaRangeRequest request, out MapGpaRangeError error)
    {
        request = default;
        error = CheckRange(gpa, pages);
        if (error != MapGpaRangeError.None)
        {
            return false;
        }

        error = abi switch
        {
            HypercallAbi.MapGpaRange => CheckAttributes(attributes),
            HypercallAbi.PageEncStatus => attributes <= 1 ? MapGpaRangeError.None : MapGpaRangeError.UnknownEncryptionStatus,
            _ => throw new ArgumentOutOfRangeException(nameof(abi)),
        };
        if (error != MapGpaRangeError.None)
        {
            return false;
        }

        bool isEncrypted = abi == HypercallAbi.MapGpaRange ? (attributes & EncryptedBit) != 0 : attributes == 1;
        request = new MapGpaRangeRequest(
            new GpaRange(new Gpa(gpa), pages << GuestPage.Shift),
            isEncrypted ? PageState.Private : PageState.Shared,
            abi == HypercallAbi.MapGpaRange ? (PageSizeHint)(attributes & PageSizeMask) : PageSizeHint.Size4K);
        return true;
    }

    /// <summary>The words for the log: one clause without a full stop.</summary>
    /// <param name="error">Why a call was refused.</param>
    public static string Describe(MapGpaRangeError error) => error switch
    {
        MapGpaRangeError.None => "accepted",
        MapGpaRangeError.UnalignedAddress => "the address is not a multiple of 4 KiB",
        MapGpaRangeError.ZeroPages => "the page count is zero",
        MapGpaRangeError.RangeOverflow => "the range passes the end of the address space",
        MapGpaRangeError.UnknownPageSize => "attribute bits 3:0 name no page size",
        MapGpaRangeError.ReservedAttributeBits => "a reserved attribute bit (63:5) is set",
        MapGpaRangeError.UnknownEncryptionStatus => "the encryption status is neither 0 nor 1",
        MapGpaRangeError.OutsideMemory => "some of the range is not RAM",
        MapGpaRangeError.NotOffered => "the guest was not offered the call",
        MapGpaRangeError.NotConverted => "the kernel refused to convert the pages",
        _ => throw new ArgumentOutOfRangeException(nameof(error)),
    };

    private static MapGpaRangeError CheckRange(ulong gpa, ulong pages)
    {
        if (!GuestPage.IsAligned(gpa))
        {
            return MapGpaRangeError.UnalignedAddress;
        }

        if (pages == 0)
        {
            return MapGpaRangeError.ZeroPages;
        }

        return pages > (ulong.MaxValue - gpa) >> GuestPage.Shift ? MapGpaRangeError.RangeOverflow : MapGpaRangeError.None;
    }

    private static MapGpaRangeError CheckAttributes(ulong attributes)
    {
        if ((attributes & ~(PageSizeMask | EncryptedBit)) != 0)
        {
            return MapGpaRangeError.ReservedAttributeBits;
        }

        return (attributes & PageSizeMask) > (ulong)PageSizeHint.Size1G ? MapGpaRangeError.UnknownPageSize : MapGpaRangeError.None;
    }
}
