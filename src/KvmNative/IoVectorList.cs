using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>Pieces of mapped memory that one read or write of a <see cref="DiskFile"/> fills or takes, in order.</summary>
/// <remarks>Made once and used again; none of its methods allocates. For one thread at a time. It does not keep mappings alive.</remarks>
public sealed unsafe class IoVectorList : SafeHandle
{
    private int _first;
    private int _end;

    /// <summary>Makes an empty list.</summary>
    /// <param name="capacity">Pieces it can hold; at most 1024 (the kernel's IOV_MAX).</param>
    public IoVectorList(int capacity)
        : base(0, ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1024);
        Capacity = capacity;
        SetHandle((nint)NativeMemory.Alloc((nuint)capacity, (nuint)sizeof(IoVector)));
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Pieces it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Bytes in all pieces together.</summary>
    public ulong ByteCount { get; private set; }

    /// <summary>The pieces that are left.</summary>
    internal IoVector* Pieces => (IoVector*)handle + _first;

    /// <summary>How many pieces are left.</summary>
    internal int Count => _end - _first;

    /// <summary>Forgets all pieces.</summary>
    public void Clear()
    {
        _first = 0;
        _end = 0;
        ByteCount = 0;
    }

    /// <summary>Adds a piece.</summary>
    /// <param name="start">Its first byte.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="InvalidOperationException">The list is full: a bug of the caller.</exception>
    internal void Append(byte* start, nuint length)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        if (_end == Capacity)
        {
            throw new InvalidOperationException($"the list holds {Capacity} pieces already");
        }

        // SAFETY: _end < Capacity, so the entry lies in the block that the constructor allocated.
        ((IoVector*)handle)[_end++] = new IoVector { Base = start, Length = length };
        ByteCount += length;
    }

    /// <summary>Drops what has been transferred from the front.</summary>
    /// <param name="byteCount">Bytes; at most <see cref="ByteCount"/>.</param>
    internal void Skip(ulong byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteCount, ByteCount);
        ByteCount -= byteCount;
        while (byteCount > 0)
        {
            // SAFETY: bytes are left, so _first < _end <= Capacity; the piece is cut within its own length.
            IoVector* piece = (IoVector*)handle + _first;
            nuint taken = (nuint)Math.Min(byteCount, piece->Length);
            piece->Base += taken;
            piece->Length -= taken;
            byteCount -= taken;
            _first += piece->Length == 0 ? 1 : 0;
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // SAFETY: the block was allocated by the constructor, and SafeHandle calls this once.
        NativeMemory.Free((void*)handle);
        return true;
    }
}
