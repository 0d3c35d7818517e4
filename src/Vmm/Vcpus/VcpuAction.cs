namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>What a vCPU does after an exit was answered.</summary>
public enum VcpuAction
{
    /// <summary>Enter the guest again.</summary>
    Resume = 0,

    /// <summary>Look at the requests of other threads first.</summary>
    Poll = 1,

    /// <summary>Leave the run loop; the machine is ending.</summary>
    Stop = 2,
}
