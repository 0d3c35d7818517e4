namespace KvmSevVmm.Vmm.Acpi;

/// <summary>One of the two blocks of bytes that the ACPI tables are.</summary>
public enum AcpiBlock
{
    /// <summary>The RSDP alone.</summary>
    Rsdp = 0,

    /// <summary>All other tables.</summary>
    Tables = 1,
}
