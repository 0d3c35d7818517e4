using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative;

/// <summary>One entry of epoll_wait(2): the kernel's <c>struct epoll_event</c>, packed to 12 bytes on x86-64.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public readonly record struct EpollEvent
{
    /// <summary>Makes an entry.</summary>
    /// <param name="events">What to wait for.</param>
    /// <param name="data">What the kernel hands back with the event.</param>
    public EpollEvent(EpollEvents events, ulong data)
    {
        Events = events;
        Data = data;
    }

    /// <summary>What happened.</summary>
    public EpollEvents Events { get; }

    /// <summary>What the descriptor was registered with.</summary>
    public ulong Data { get; }
}
