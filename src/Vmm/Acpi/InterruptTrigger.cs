namespace KvmSevVmm.Vmm.Acpi;

/// <summary>What on an interrupt line makes an interrupt.</summary>
public enum InterruptTrigger
{
    /// <summary>The line is high; the device lowers it when it has been served.</summary>
    Level = 0,

    /// <summary>The line rises: each signal of an irqfd is one.</summary>
    Edge = 1,
}
