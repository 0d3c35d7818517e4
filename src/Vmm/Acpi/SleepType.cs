namespace KvmSevVmm.Vmm.Acpi;

/// <summary>The sleep types that the DSDT names and the sleep control register takes.</summary>
public static class SleepType
{
    /// <summary>S5: off.</summary>
    public const byte SoftOff = 5;
}
