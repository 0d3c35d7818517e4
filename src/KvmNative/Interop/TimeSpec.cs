using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The kernel's <c>struct timespec</c> on x86-64.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct TimeSpec
{
    /// <summary>Makes a time.</summary>
    /// <param name="seconds">Whole seconds.</param>
    /// <param name="nanoseconds">0 to 999,999,999.</param>
    internal TimeSpec(long seconds, long nanoseconds)
    {
        Seconds = seconds;
        Nanoseconds = nanoseconds;
    }

    /// <summary>Whole seconds.</summary>
    internal long Seconds { get; }

    /// <summary>Nanoseconds beyond them.</summary>
    internal long Nanoseconds { get; }
}
