namespace KvmSevVmm.Vmm.Memory;

/// <summary>What a range of the guest's memory map is for. The numbers are those of the BIOS call and of the PVH memory map.</summary>
public enum E820Type : uint
{
    /// <summary>Usable RAM.</summary>
    Ram = 1,

    /// <summary>Not to be used as RAM.</summary>
    Reserved = 2,

    /// <summary>ACPI tables. A SEV guest maps such a range as private; one that is merely reserved it may map as shared.</summary>
    Acpi = 3,
}
