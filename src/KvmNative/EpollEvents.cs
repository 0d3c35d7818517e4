namespace KvmSevVmm.KvmNative;

/// <summary>What to wait for on a descriptor, and what happened there.</summary>
/// <remarks>Source: kernel header linux/eventpoll.h.</remarks>
[Flags]
public enum EpollEvents : uint
{
    /// <summary>Nothing; errors and hang-ups are reported all the same.</summary>
    None = 0,

    /// <summary>EPOLLIN: a read will not block.</summary>
    Readable = 0x1,

    /// <summary>EPOLLOUT: a write will not block.</summary>
    Writable = 0x4,

    /// <summary>EPOLLERR: an error is pending.</summary>
    Error = 0x8,

    /// <summary>EPOLLHUP: the other end is gone.</summary>
    HangUp = 0x10,

    /// <summary>EPOLLRDHUP: the other end of a socket will write no more.</summary>
    ReadHangUp = 0x2000,

    /// <summary>EPOLLET: report a change once, not a state until it ends.</summary>
    EdgeTriggered = 1u << 31,
}
