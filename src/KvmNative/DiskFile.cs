using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;
using OpenFlags = Mono.Unix.Native.OpenFlags;

namespace KvmSevVmm.KvmNative;

/// <summary>A regular file or block device that serves as a disk: positional reads and writes straight from and to mapped memory.</summary>
/// <remarks>What fails in use is an error number, not an exception: a disk that fails is the guest's to know.</remarks>
public sealed unsafe class DiskFile : FdHandle
{
    private const int SeekEnd = 2;
    private const int LockShared = 1;
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int ZeroRange = 0x10;
    private const int ZeroBlockLength = 64 * 1024;

    private DiskFile(int descriptor, bool isReadOnly)
        : base(descriptor)
    {
        IsReadOnly = isReadOnly;
    }

    /// <summary>Whether it was opened for reading only.</summary>
    public bool IsReadOnly { get; }

    /// <summary>The size in bytes when it was opened.</summary>
    public long Length { get; private set; }

    /// <summary>Opens a file and takes an advisory lock on it: shared for reading, exclusive for writing.</summary>
    /// <param name="path">A regular file or a block device.</param>
    /// <param name="isReadOnly">Whether it is only to be read.</param>
    /// <exception cref="KvmException">open(2), flock(2) (EAGAIN: another process uses it) or lseek(2) failed.</exception>
    public static DiskFile Open(string path, bool isReadOnly)
    {
        // Non-blocking, so that a FIFO given by mistake fails at once; it has no effect on files and block devices.
        OpenFlags access = isReadOnly ? OpenFlags.O_RDONLY : OpenFlags.O_RDWR;
        DiskFile file = new(OpenDescriptor(path, access | OpenFlags.O_NONBLOCK), isReadOnly);
        try
        {
            if (LibC.Lock(file, (isReadOnly ? LockShared : LockExclusive) | LockNonBlocking) != 0)
            {
                throw KvmException.FromErrno($"flock(\"{path}\")", Marshal.GetLastPInvokeError());
            }

            file.Length = LibC.Seek(file, 0, SeekEnd);
            return file.Length >= 0 ? file : throw KvmException.FromErrno($"lseek(\"{path}\")", Marshal.GetLastPInvokeError());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Fills every piece of a list from the file.</summary>
    /// <param name="pieces">Where to; emptied as far as it was filled.</param>
    /// <param name="offset">Where in the file, in bytes.</param>
    /// <returns><see cref="Errno.None"/> when all was read; EIO when the file ends before.</returns>
    public Errno ReadAll(IoVectorList pieces, long offset) => Transfer(pieces, offset, isWrite: false);

    /// <summary>Writes every piece of a list to the file.</summary>
    /// <param name="pieces">From where; emptied as far as it was written.</param>
    /// <param name="offset">Where in the file, in bytes.</param>
    /// <returns><see cref="Errno.None"/> when all was written.</returns>
    public Errno WriteAll(IoVectorList pieces, long offset) => Transfer(pieces, offset, isWrite: true);

    /// <summary>Waits until everything written is on the disk.</summary>
    public Errno Flush() => LibC.SyncData(this) == 0 ? Errno.None : LastError;

    /// <summary>Gives a range of the file back to its file system; it reads as zeros afterwards, and the size stays.</summary>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="length">Bytes; at least 1.</param>
    /// <returns>EOPNOTSUPP where the file system or device cannot.</returns>
    public Errno Discard(long offset, long length) => Allocate(KeepSize | PunchHole, offset, length);

    /// <summary>Makes a range of the file read as zeros, in the cheapest way that the file system has.</summary>
    /// <param name="offset">Bytes from the start.</param>
    /// <param name="length">Bytes; at least 1.</param>
    /// <param name="mayDiscard">Whether the range may also be given back.</param>
    public Errno WriteZeroes(long offset, long length, bool mayDiscard)
    {
        Errno error = mayDiscard ? Discard(offset, length) : Errno.EOPNOTSUPP;
        error = error == Errno.EOPNOTSUPP ? Allocate(KeepSize | ZeroRange, offset, length) : error;
        return error == Errno.EOPNOTSUPP ? WriteZeroBlocks(offset, length) : error;
    }

    private static Errno LastError => (Errno)Marshal.GetLastPInvokeError();

    private Errno Allocate(int mode, long offset, long length)
    {
        Errno error;
        do
        {
            error = LibC.Allocate(this, mode, offset, length) == 0 ? Errno.None : LastError;
        }
        while (error == Errno.EINTR);

        return error;
    }

    private Errno WriteZeroBlocks(long offset, long length)
    {
        void* zeros = NativeMemory.AllocZeroed(ZeroBlockLength);
        try
        {
            while (length > 0)
            {
                // SAFETY: the kernel reads at most ZeroBlockLength bytes of the block allocated above.
                IoVector piece = new() { Base = (byte*)zeros, Length = (nuint)Math.Min(length, ZeroBlockLength) };
                nint count = LibC.WriteVector(this, &piece, 1, offset);
                if (count > 0)
                {
                    offset += count;
                    length -= count;
                }
                else if (count == 0 || LastError != Errno.EINTR)
                {
                    return count == 0 ? Errno.EIO : LastError;
                }
            }

            return Errno.None;
        }
        finally
        {
            NativeMemory.Free(zeros);
        }
    }

    private Errno Transfer(IoVectorList pieces, long offset, bool isWrite)
    {
        while (pieces.ByteCount > 0)
        {
            // SAFETY: the list holds pieces of mappings that their owner unmaps only after this thread has ended, and each was
            // checked to lie inside its mapping when it was added.
            nint count = isWrite
                ? LibC.WriteVector(this, pieces.Pieces, pieces.Count, offset)
                : LibC.ReadVector(this, pieces.Pieces, pieces.Count, offset);
            if (count > 0)
            {
                offset += count;
                pieces.Skip((ulong)count);
                continue;
            }

            // Nothing read is the end of a file that was cut short.
            Errno error = count == 0 ? Errno.EIO : LastError;
            if (error != Errno.EINTR)
            {
                return error;
            }
        }

        return Errno.None;
    }
}
