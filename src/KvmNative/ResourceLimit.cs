using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <summary>One of the process's resource limits.</summary>
/// <param name="Soft">What the kernel enforces; <see cref="Unlimited"/> for none.</param>
/// <param name="Hard">How far the process may raise it; <see cref="Unlimited"/> for none.</param>
public readonly record struct ResourceLimit(ulong Soft, ulong Hard)
{
    /// <summary>RLIM_INFINITY.</summary>
    public const ulong Unlimited = ulong.MaxValue;

    private const int LockedMemoryResource = 8;

    /// <summary>RLIMIT_MEMLOCK in bytes: how much memory the process may pin, which SEV does with all guest RAM.</summary>
    /// <exception cref="KvmException">getrlimit(2) failed.</exception>
    public static unsafe ResourceLimit GetLockedMemory()
    {
        ulong* limits = stackalloc ulong[2];

        // SAFETY: on x86-64 the kernel writes two 64-bit numbers.
        return LibC.GetResourceLimit(LockedMemoryResource, limits) == 0
            ? new ResourceLimit(limits[0], limits[1])
            : throw KvmException.FromErrno("getrlimit(RLIMIT_MEMLOCK)", Marshal.GetLastPInvokeError());
    }
}
