namespace KvmSevVmm.Vmm.Boot;

/// <summary>How the first vCPU enters the kernel, or the firmware.</summary>
public enum BootProtocol
{
    /// <summary>Linux's 64-bit boot protocol: long mode with identity page tables, RSI holds the address of the zero page.</summary>
    Linux64 = 0,

    /// <summary>Xen's PVH: 32-bit protected mode without paging, EBX holds the address of the start info.</summary>
    Pvh32 = 1,

    /// <summary>None: guest firmware, entered in 16-bit mode at the processor's reset vector.</summary>
    ResetVector = 2,

    /// <summary>Multiboot: 32-bit protected mode without paging, EAX holds the loader's magic number, EBX the address of the information
    /// structure.</summary>
    Multiboot32 = 3,
}
