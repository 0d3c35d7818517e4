using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>The kernel's <c>struct pollfd</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    /// <summary>The descriptor; negative entries are skipped.</summary>
    internal int Fd;

    /// <summary>Events asked for.</summary>
    internal short Events;

    /// <summary>Events that happened.</summary>
    internal short ReturnedEvents;
}
