using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Hears of the end of a vCPU's run loop, on that vCPU's thread.</summary>
internal interface IVcpuObserver
{
    /// <summary>An exit ended the loop; the vCPU's registers can still be read.</summary>
    /// <param name="vcpu">The vCPU.</param>
    /// <param name="exit">The last exit.</param>
    void OnVcpuStopped(KvmVcpu vcpu, VcpuExit exit);

    /// <summary>The monitor or the kernel failed.</summary>
    /// <param name="vcpuIndex">The vCPU.</param>
    /// <param name="failure">What happened.</param>
    void OnVcpuFailed(int vcpuIndex, Exception failure);
}
