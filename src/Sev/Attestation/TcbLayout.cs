namespace KvmSevVmm.Sev.Attestation;

/// <summary>How the eight bytes of a TCB version are laid out.</summary>
public enum TcbLayout
{
    /// <summary>Milan and Genoa: boot loader, TEE, four reserved bytes, SNP, microcode.</summary>
    MilanGenoa = 0,

    /// <summary>Turin on: FMC, boot loader, TEE, SNP, three reserved bytes, microcode.</summary>
    Turin = 1,
}
