using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>Owns one mapping of memory, of any size, and hands out bounds-checked pieces of it.</summary>
/// <remarks>A span does not keep its mapping alive: dispose the region only when no thread and no KVM memslot uses it any more.</remarks>
public sealed unsafe class MappedRegion : SafeHandle
{
    private const int ProtectionRead = 1;
    private const int ProtectionWrite = 2;
    private const int MapSharedFlag = 1;
    private const int MapPrivateFlag = 2;
    private const int MapAnonymousFlag = 0x20;
    private const int MapNoReserveFlag = 0x4000;
    private const ulong PageSize = 4096;
    private const ulong HugePageSize = 2UL << 20;

    private readonly ulong _length;

    private MappedRegion(void* address, ulong length)
        : base(-1, ownsHandle: true)
    {
        SetHandle((nint)address);
        _length = length;
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == -1;

    /// <summary>The size in bytes.</summary>
    public ulong Length => _length;

    /// <summary>The host virtual address of the first byte.</summary>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public nuint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (nuint)handle;
        }
    }

    /// <summary>Maps zeroed private memory; from 2 MiB on, its start is 2 MiB aligned, so that huge pages can back it.</summary>
    /// <param name="length">Bytes; at least 1.</param>
    /// <param name="noReserve">Whether the kernel may hand out more memory than it has, and fail when it is touched.</param>
    /// <exception cref="KvmException">mmap(2) failed, usually ENOMEM.</exception>
    public static MappedRegion MapAnonymous(ulong length, bool noReserve = true)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, (ulong)nint.MaxValue - HugePageSize);
        const int Protection = ProtectionRead | ProtectionWrite;
        int flags = MapPrivateFlag | MapAnonymousFlag | (noReserve ? MapNoReserveFlag : 0);
        ulong slack = length >= HugePageSize ? HugePageSize : 0;

        // SAFETY: no address is asked for, so no existing mapping is replaced.
        void* start = LibC.MapAnonymous(null, (nuint)(length + slack), Protection, flags, -1, 0);
        ThrowIfFailed(start);
        if (slack != 0)
        {
            ulong head = (0 - (ulong)start) % HugePageSize;
            ulong end = AlignUp(head + length, PageSize);
            ulong mapped = AlignUp(length + slack, PageSize);

            // SAFETY: [start, start + mapped) was mapped just above and nobody else knows it. head < 2 MiB = slack, so
            // end <= mapped; what is cut off lies outside [start + head, start + end), which is what stays. A failure leaves
            // unused address space behind, nothing worse.
            _ = head == 0 ? 0 : LibC.Unmap(start, (nuint)head);
            _ = end == mapped ? 0 : LibC.Unmap((byte*)start + end, (nuint)(mapped - end));
            start = (byte*)start + head;
        }

        return new MappedRegion(start, length);
    }

    /// <summary>Maps a part of an open file, readable and writable.</summary>
    /// <param name="fd">A file, memfd or device that can be mapped. It may be closed afterwards.</param>
    /// <param name="offset">Where in the file, in bytes; a multiple of the page size.</param>
    /// <param name="length">Bytes; at least 1. Touching a page wholly beyond the file's end kills the process: check its size.</param>
    /// <param name="shared">Whether writes go to the file; otherwise they stay in this mapping.</param>
    /// <exception cref="KvmException">mmap(2) failed.</exception>
    public static MappedRegion MapFd(SafeHandle fd, ulong offset, ulong length, bool shared)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, (ulong)nint.MaxValue);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, (ulong)long.MaxValue);

        // SAFETY: no address is asked for, so no existing mapping is replaced.
        void* start = LibC.MapDescriptor(
            null, (nuint)length, ProtectionRead | ProtectionWrite, shared ? MapSharedFlag : MapPrivateFlag, fd, (long)offset);
        ThrowIfFailed(start);
        return new MappedRegion(start, length);
    }

    /// <summary>Maps a whole file privately: writes stay in this mapping and the file is never changed.</summary>
    /// <param name="path">A regular file of at least one byte, which nobody may shorten while it is mapped.</param>
    /// <exception cref="IOException">The file cannot be opened or mapped, or is empty.</exception>
    public static MappedRegion MapFile(string path)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
        long length = RandomAccess.GetLength(file);
        return length > 0
            ? MapFd(file, 0, (ulong)length, shared: false)
            : throw new IOException($"'{path}' is empty, so it cannot be mapped.");
    }

    /// <summary>A piece of the region.</summary>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The piece does not lie inside the region.</exception>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public Span<byte> GetSpan(ulong offset, int length)
    {
        return TryGetSpan(offset, length, out Span<byte> span) ? span : throw OutOfRange(offset, length);
    }

    /// <summary>A piece of the region, if it lies inside.</summary>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="span">The piece, or an empty span.</param>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public bool TryGetSpan(ulong offset, int length, out Span<byte> span)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (length < 0 || !Contains(offset, (ulong)length))
        {
            span = default;
            return false;
        }

        // SAFETY: offset + length <= _length, checked above without overflow, and length >= 0. A span does not keep its mapping
        // alive: the owner disposes the region only after every thread that takes spans has been joined.
        span = new Span<byte>((byte*)handle + offset, length);
        return true;
    }

    /// <summary>Copies one value out, at any alignment.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="value">The copy, or zero.</param>
    /// <returns>Whether the value lies inside the region.</returns>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public bool TryRead<T>(ulong offset, out T value)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (!Contains(offset, (ulong)sizeof(T)))
        {
            value = default;
            return false;
        }

        // SAFETY: offset + sizeof(T) <= _length, checked above without overflow; lifetime as in TryGetSpan.
        value = Unsafe.ReadUnaligned<T>((byte*)handle + offset);
        return true;
    }

    /// <summary>Copies one value in, at any alignment.</summary>
    /// <typeparam name="T">A type without references.</typeparam>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="value">What to write.</param>
    /// <returns>Whether the value lies inside the region; if not, nothing was written.</returns>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public bool TryWrite<T>(ulong offset, in T value)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (!Contains(offset, (ulong)sizeof(T)))
        {
            return false;
        }

        // SAFETY: offset + sizeof(T) <= _length, checked above without overflow; lifetime as in TryGetSpan.
        Unsafe.WriteUnaligned((byte*)handle + offset, value);
        return true;
    }

    /// <summary>A reference into the region, for <see cref="Volatile"/> and <see cref="Interlocked"/>.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="offset">Bytes from the start; a multiple of the size of <typeparamref name="T"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The value does not lie inside the region, or is not aligned.</exception>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public ref T GetReference<T>(ulong offset)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (!Contains(offset, (ulong)sizeof(T)) || ((ulong)handle + offset) % (ulong)sizeof(T) != 0)
        {
            throw OutOfRange(offset, sizeof(T));
        }

        // SAFETY: offset + sizeof(T) <= _length and the alignment are checked above; lifetime as in TryGetSpan.
        return ref Unsafe.AsRef<T>((byte*)handle + offset);
    }

    /// <summary>Adds a piece of the region to a list for <see cref="DiskFile"/>, if it lies inside.</summary>
    /// <param name="list">The list; it has room for one more piece.</param>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="length">Bytes.</param>
    /// <returns>Whether the piece lies inside the region; if not, the list is as it was.</returns>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public bool TryAppendTo(IoVectorList list, ulong offset, ulong length)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (!Contains(offset, length))
        {
            return false;
        }

        // SAFETY: offset + length <= _length, checked above without overflow; lifetime as in TryGetSpan.
        list.Append((byte*)handle + offset, (nuint)length);
        return true;
    }

    /// <summary>Tells the kernel how a part of the region is used, or gives its pages back.</summary>
    /// <param name="offset">Bytes from the start; a multiple of the page size.</param>
    /// <param name="length">Bytes; rounded up to pages.</param>
    /// <param name="advice">What to tell.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie inside the region.</exception>
    /// <exception cref="KvmException">madvise(2) failed.</exception>
    public void Advise(ulong offset, ulong length, MemoryAdvice advice)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (!Contains(offset, length))
        {
            throw OutOfRange(offset, (long)length);
        }

        // SAFETY: the range lies inside this mapping (checked above; rounding up stays within its last page), so no other
        // memory of the process is touched.
        if (LibC.Advise((byte*)handle + offset, (nuint)length, (int)advice) != 0)
        {
            throw KvmException.FromErrno("madvise", Marshal.GetLastPInvokeError());
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // SAFETY: handle and _length describe the one mapping that this object owns, and SafeHandle calls this once.
        return LibC.Unmap((void*)handle, (nuint)_length) == 0;
    }

    private static void ThrowIfFailed(void* address)
    {
        if ((nint)address == -1)
        {
            throw KvmException.FromErrno("mmap", Marshal.GetLastPInvokeError());
        }
    }

    private static ulong AlignUp(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Contains(ulong offset, ulong length) => length <= _length && offset <= _length - length;

    private ArgumentOutOfRangeException OutOfRange(ulong offset, long length) => new(
        nameof(offset), $"{length} bytes at offset 0x{offset:x} do not lie inside a region of 0x{_length:x} bytes.");
}
