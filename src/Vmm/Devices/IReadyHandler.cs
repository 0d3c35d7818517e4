using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>Who is called when a descriptor of an <see cref="EventLoop"/> is ready.</summary>
public interface IReadyHandler
{
    /// <summary>Takes what is there. Must not block; a call without anything to do is possible.</summary>
    /// <param name="events">What happened.</param>
    void OnReady(EpollEvents events);
}
