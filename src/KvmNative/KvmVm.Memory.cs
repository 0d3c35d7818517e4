using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <content>Memory slots, guest_memfd, attributes and the dirty log.</content>
public sealed partial class KvmVm
{
    private const ulong PageSize = 4096;

    // The kernel writes a slot's whole dirty bitmap by address, so the sizes it knows decide how large a buffer must be.
    private readonly Dictionary<uint, ulong> _slotSizes = [];
    private readonly Lock _slotLock = new();

    /// <summary>Creates, changes or removes a memory slot.</summary>
    /// <param name="slot">The slot's number; bits 31:16 are the address space.</param>
    /// <param name="flags">KVM_MEM_LOG_DIRTY_PAGES (1), KVM_MEM_READONLY (2).</param>
    /// <param name="guestPhysAddr">Where the guest sees it; a multiple of the page size.</param>
    /// <param name="memorySize">Bytes, a multiple of the page size; 0 removes the slot.</param>
    /// <param name="userspaceAddr">The host memory behind it, which must stay mapped as long as the slot exists.</param>
    /// <exception cref="Errors.KvmException">EEXIST: it overlaps another slot; EINVAL: alignment, flags or address.</exception>
    public void SetUserMemoryRegion(uint slot, uint flags, ulong guestPhysAddr, ulong memorySize, nuint userspaceAddr)
    {
        KvmUserspaceMemoryRegion region = new()
        {
            Slot = slot,
            Flags = flags,
            GuestPhysAddr = guestPhysAddr,
            MemorySize = memorySize,
            UserspaceAddr = userspaceAddr,
        };
        lock (_slotLock)
        {
            Ioctl.Set(_fd, IoctlNumbers.SetUserMemoryRegion, in region);
            _slotSizes[slot] = memorySize;
        }
    }

    /// <summary>Creates, changes or removes a memory slot that may have private memory in a guest_memfd.</summary>
    /// <param name="region">The slot. Its host memory must stay mapped, its guest_memfd is held by the kernel.</param>
    /// <exception cref="Errors.KvmException">EEXIST, EINVAL as for the first form; ENOTTY before Linux 6.8.</exception>
    public void SetUserMemoryRegion2(in KvmUserspaceMemoryRegion2 region)
    {
        lock (_slotLock)
        {
            Ioctl.Set(_fd, IoctlNumbers.SetUserMemoryRegion2, in region);
            _slotSizes[region.Slot] = region.MemorySize;
        }
    }

    /// <summary>Creates memory that only the guest can reach.</summary>
    /// <param name="size">Bytes; a multiple of the page size.</param>
    /// <param name="flags">Flags of KVM_CREATE_GUEST_MEMFD.</param>
    /// <exception cref="Errors.KvmException">EINVAL: the machine's type has no private memory; ENOTTY before Linux 6.8.</exception>
    public GuestMemFd CreateGuestMemFd(ulong size, ulong flags)
    {
        KvmCreateGuestMemfd argument = new() { Size = size, Flags = flags };
        return new GuestMemFd(Ioctl.Exchange(_fd, IoctlNumbers.CreateGuestMemfd, ref argument), size);
    }

    /// <summary>Tells KVM which pages are private. There is no way to ask.</summary>
    /// <param name="gpa">The first byte; a multiple of the page size.</param>
    /// <param name="size">Bytes; a multiple of the page size.</param>
    /// <param name="attributes">KVM_MEMORY_ATTRIBUTE_PRIVATE (8), or 0 for shared.</param>
    /// <exception cref="Errors.KvmException">EINVAL: alignment, or the machine's type has no such attribute.</exception>
    public void SetMemoryAttributes(ulong gpa, ulong size, ulong attributes)
    {
        KvmMemoryAttributes argument = new() { Address = gpa, Size = size, Attributes = attributes };
        Ioctl.Set(_fd, IoctlNumbers.SetMemoryAttributes, in argument);
    }

    /// <summary>Fetches which pages of a slot were written since the last call, and, without manual clearing, starts anew.</summary>
    /// <param name="slot">A slot with KVM_MEM_LOG_DIRTY_PAGES.</param>
    /// <param name="bitmap">One bit per page, lowest bit first: at least <see cref="DirtyBitmapLength"/> words.</param>
    /// <exception cref="ArgumentException">The bitmap is too small for the slot, or the slot is not there.</exception>
    /// <exception cref="Errors.KvmException">ENOENT: the slot has no dirty log.</exception>
    public unsafe void GetDirtyLog(uint slot, Span<ulong> bitmap)
    {
        // SAFETY: the kernel writes one bit per page of the slot, in whole words; the lock keeps the slot's size what it was when
        // the length was checked, and the span stays pinned.
        lock (_slotLock)
        {
            CheckBitmap(slot, bitmap.Length);
            fixed (ulong* words = bitmap)
            {
                KvmDirtyLog argument = new() { Slot = slot, DirtyBitmap = (ulong)words };
                Ioctl.Set(_fd, IoctlNumbers.GetDirtyLog, in argument);
            }
        }
    }

    /// <summary>With KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: marks pages clean and watches them again.</summary>
    /// <param name="slot">A slot with KVM_MEM_LOG_DIRTY_PAGES.</param>
    /// <param name="firstPage">The first page in the slot; a multiple of 64.</param>
    /// <param name="pageCount">How many pages; a multiple of 64, unless it reaches the slot's end.</param>
    /// <param name="bitmap">One bit per page from <paramref name="firstPage"/>: 1 for the pages to mark clean.</param>
    /// <exception cref="ArgumentException">The bitmap is shorter than <paramref name="pageCount"/> bits.</exception>
    /// <exception cref="Errors.KvmException">EINVAL: outside the slot, or not a multiple of 64.</exception>
    public unsafe void ClearDirtyLog(uint slot, ulong firstPage, uint pageCount, ReadOnlySpan<ulong> bitmap)
    {
        if ((ulong)bitmap.Length * 64 < pageCount)
        {
            ulong words = ((ulong)pageCount + 63) / 64;
            throw new ArgumentException($"{pageCount} pages need {words} words, not {bitmap.Length}.", nameof(bitmap));
        }

        // SAFETY: the kernel reads pageCount bits in whole words, checked above, and the span stays pinned.
        fixed (ulong* bits = bitmap)
        {
            KvmClearDirtyLog argument = new() { Slot = slot, NumPages = pageCount, FirstPage = firstPage, DirtyBitmap = (ulong)bits };
            Ioctl.Set(_fd, IoctlNumbers.ClearDirtyLog, in argument);
        }
    }

    /// <summary>The number of 64-bit words of a slot's dirty bitmap.</summary>
    /// <param name="memorySize">The slot's size in bytes.</param>
    public static int DirtyBitmapLength(ulong memorySize) => checked((int)(((memorySize / PageSize) + 63) / 64));

    private void CheckBitmap(uint slot, int words)
    {
        if (!_slotSizes.TryGetValue(slot, out ulong size) || size == 0)
        {
            throw new ArgumentException($"The machine has no memory slot {slot}.", nameof(slot));
        }

        if (words < DirtyBitmapLength(size))
        {
            throw new ArgumentException($"Slot {slot} needs a bitmap of {DirtyBitmapLength(size)} words, not {words}.", nameof(words));
        }
    }
}
