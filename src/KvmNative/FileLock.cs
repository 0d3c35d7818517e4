using KvmSevVmm.KvmNative.Interop;
using Microsoft.Win32.SafeHandles;

namespace KvmSevVmm.KvmNative;

/// <summary>Advisory locks of whole files, which the kernel releases when their holder ends, however it ends.</summary>
public static class FileLock
{
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;

    /// <summary>
    /// Takes an exclusive lock. The runtime's own (<see cref="FileShare.None"/>) is not relied on: a setting of the process turns it off.
    /// </summary>
    /// <param name="file">The open file; the lock goes when it is closed.</param>
    /// <returns>False when somebody else has it locked.</returns>
    /// <remarks>Source: flock(2).</remarks>
    public static bool TryTake(SafeFileHandle file) => LibC.Lock(file, LockExclusive | LockNonBlocking) == 0;
}
