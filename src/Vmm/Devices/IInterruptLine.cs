namespace KvmSevVmm.Vmm.Devices;

/// <summary>One interrupt input of the interrupt controller.</summary>
public interface IInterruptLine
{
    /// <summary>Drives the line.</summary>
    /// <param name="isAsserted">True for the active level.</param>
    void Set(bool isAsserted);
}
