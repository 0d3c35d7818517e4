namespace KvmSevVmm.Vmm;

/// <summary>What a virtual machine is doing.</summary>
public enum VmState
{
    /// <summary>It is being built and launched; its guest has not run.</summary>
    Prelaunch = 0,

    /// <summary>Its guest runs.</summary>
    Running,

    /// <summary>Its guest stands still because it was asked to.</summary>
    Paused,

    /// <summary>Its guest has ended.</summary>
    Shutdown,
}
