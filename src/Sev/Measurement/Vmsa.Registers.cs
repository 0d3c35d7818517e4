namespace KvmSevVmm.Sev.Measurement;

/// <content>The registers, each at its offset.</content>
public sealed partial class Vmsa
{
    /// <summary>ES.</summary>
    public VmsaSegment Es
    {
        get => ReadSegment(0x0);
        set => WriteSegment(0x0, value);
    }

    /// <summary>CS.</summary>
    public VmsaSegment Cs
    {
        get => ReadSegment(0x10);
        set => WriteSegment(0x10, value);
    }

    /// <summary>SS.</summary>
    public VmsaSegment Ss
    {
        get => ReadSegment(0x20);
        set => WriteSegment(0x20, value);
    }

    /// <summary>DS.</summary>
    public VmsaSegment Ds
    {
        get => ReadSegment(0x30);
        set => WriteSegment(0x30, value);
    }

    /// <summary>FS.</summary>
    public VmsaSegment Fs
    {
        get => ReadSegment(0x40);
        set => WriteSegment(0x40, value);
    }

    /// <summary>GS.</summary>
    public VmsaSegment Gs
    {
        get => ReadSegment(0x50);
        set => WriteSegment(0x50, value);
    }

    /// <summary>GDTR; only limit and base count.</summary>
    public VmsaSegment Gdtr
    {
        get => ReadSegment(0x60);
        set => WriteSegment(0x60, value);
    }

    /// <summary>LDTR.</summary>
    public VmsaSegment Ldtr
    {
        get => ReadSegment(0x70);
        set => WriteSegment(0x70, value);
    }

    /// <summary>IDTR; only limit and base count.</summary>
    public VmsaSegment Idtr
    {
        get => ReadSegment(0x80);
        set => WriteSegment(0x80, value);
    }

    /// <summary>TR.</summary>
    public VmsaSegment Tr
    {
        get => ReadSegment(0x90);
        set => WriteSegment(0x90, value);
    }

    /// <summary>VMPL, the privilege level of the vCPU under SEV-SNP.</summary>
    public byte Vmpl
    {
        get => _page[0xCA];
        set => _page[0xCA] = value;
    }

    /// <summary>CPL.</summary>
    public byte Cpl
    {
        get => _page[0xCB];
        set => _page[0xCB] = value;
    }

    /// <summary>EFER.</summary>
    public ulong Efer
    {
        get => Read64(0xD0);
        set => Write64(0xD0, value);
    }

    /// <summary>IA32_XSS.</summary>
    public ulong Xss
    {
        get => Read64(0x140);
        set => Write64(0x140, value);
    }

    /// <summary>CR4.</summary>
    public ulong Cr4
    {
        get => Read64(0x148);
        set => Write64(0x148, value);
    }

    /// <summary>CR3.</summary>
    public ulong Cr3
    {
        get => Read64(0x150);
        set => Write64(0x150, value);
    }

    /// <summary>CR0.</summary>
    public ulong Cr0
    {
        get => Read64(0x158);
        set => Write64(0x158, value);
    }

    /// <summary>DR7.</summary>
    public ulong Dr7
    {
        get => Read64(0x160);
        set => Write64(0x160, value);
    }

    /// <summary>DR6.</summary>
    public ulong Dr6
    {
        get => Read64(0x168);
        set => Write64(0x168, value);
    }

    /// <summary>RFLAGS.</summary>
    public ulong Rflags
    {
        get => Read64(0x170);
        set => Write64(0x170, value);
    }

    /// <summary>RIP.</summary>
    public ulong Rip
    {
        get => Read64(0x178);
        set => Write64(0x178, value);
    }

    /// <summary>RSP.</summary>
    public ulong Rsp
    {
        get => Read64(0x1D8);
        set => Write64(0x1D8, value);
    }

    /// <summary>RAX.</summary>
    public ulong Rax
    {
        get => Read64(0x1F8);
        set => Write64(0x1F8, value);
    }

    /// <summary>STAR.</summary>
    public ulong Star
    {
        get => Read64(0x200);
        set => Write64(0x200, value);
    }

    /// <summary>LSTAR.</summary>
    public ulong LStar
    {
        get => Read64(0x208);
        set => Write64(0x208, value);
    }

    /// <summary>CSTAR.</summary>
    public ulong CStar
    {
        get => Read64(0x210);
        set => Write64(0x210, value);
    }

    /// <summary>SFMASK.</summary>
    public ulong SfMask
    {
        get => Read64(0x218);
        set => Write64(0x218, value);
    }

    /// <summary>KERNEL_GS_BASE.</summary>
    public ulong KernelGsBase
    {
        get => Read64(0x220);
        set => Write64(0x220, value);
    }

    /// <summary>SYSENTER_CS.</summary>
    public ulong SysenterCs
    {
        get => Read64(0x228);
        set => Write64(0x228, value);
    }

    /// <summary>SYSENTER_ESP.</summary>
    public ulong SysenterEsp
    {
        get => Read64(0x230);
        set => Write64(0x230, value);
    }

    /// <summary>SYSENTER_EIP.</summary>
    public ulong SysenterEip
    {
        get => Read64(0x238);
        set => Write64(0x238, value);
    }

    /// <summary>CR2.</summary>
    public ulong Cr2
    {
        get => Read64(0x240);
        set => Write64(0x240, value);
    }

    /// <summary>PAT.</summary>
    public ulong GPat
    {
        get => Read64(0x268);
        set => Write64(0x268, value);
    }

    /// <summary>DEBUGCTL.</summary>
    public ulong DebugCtl
    {
        get => Read64(0x270);
        set => Write64(0x270, value);
    }

    /// <summary>PKRU.</summary>
    public uint Pkru
    {
        get => Read32(0x2E8);
        set => Write32(0x2E8, value);
    }

    /// <summary>TSC_AUX.</summary>
    public uint TscAux
    {
        get => Read32(0x2EC);
        set => Write32(0x2EC, value);
    }

    /// <summary>RCX.</summary>
    public ulong Rcx
    {
        get => Read64(0x308);
        set => Write64(0x308, value);
    }

    /// <summary>RDX.</summary>
    public ulong Rdx
    {
        get => Read64(0x310);
        set => Write64(0x310, value);
    }

    /// <summary>RBX.</summary>
    public ulong Rbx
    {
        get => Read64(0x318);
        set => Write64(0x318, value);
    }

    /// <summary>RBP.</summary>
    public ulong Rbp
    {
        get => Read64(0x328);
        set => Write64(0x328, value);
    }

    /// <summary>RSI.</summary>
    public ulong Rsi
    {
        get => Read64(0x330);
        set => Write64(0x330, value);
    }

    /// <summary>RDI.</summary>
    public ulong Rdi
    {
        get => Read64(0x338);
        set => Write64(0x338, value);
    }

    /// <summary>R8.</summary>
    public ulong R8
    {
        get => Read64(0x340);
        set => Write64(0x340, value);
    }

    /// <summary>R9.</summary>
    public ulong R9
    {
        get => Read64(0x348);
        set => Write64(0x348, value);
    }

    /// <summary>R10.</summary>
    public ulong R10
    {
        get => Read64(0x350);
        set => Write64(0x350, value);
    }

    /// <summary>R11.</summary>
    public ulong R11
    {
        get => Read64(0x358);
        set => Write64(0x358, value);
    }

    /// <summary>R12.</summary>
    public ulong R12
    {
        get => Read64(0x360);
        set => Write64(0x360, value);
    }

    /// <summary>R13.</summary>
    public ulong R13
    {
        get => Read64(0x368);
        set => Write64(0x368, value);
    }

    /// <summary>R14.</summary>
    public ulong R14
    {
        get => Read64(0x370);
        set => Write64(0x370, value);
    }

    /// <summary>R15.</summary>
    public ulong R15
    {
        get => Read64(0x378);
        set => Write64(0x378, value);
    }

    /// <summary>SEV_FEATURES: bit 0 SNP active, bit 5 debug swap; 0 under SEV-ES.</summary>
    public ulong SevFeatures
    {
        get => Read64(0x3B0);
        set => Write64(0x3B0, value);
    }

    /// <summary>XCR0.</summary>
    public ulong Xcr0
    {
        get => Read64(0x3E8);
        set => Write64(0x3E8, value);
    }

    /// <summary>x87 data pointer.</summary>
    public ulong X87DataPointer
    {
        get => Read64(0x400);
        set => Write64(0x400, value);
    }

    /// <summary>MXCSR.</summary>
    public uint Mxcsr
    {
        get => Read32(0x408);
        set => Write32(0x408, value);
    }

    /// <summary>x87 tag word, abridged as in FXSAVE.</summary>
    public ushort X87Ftw
    {
        get => Read16(0x40C);
        set => Write16(0x40C, value);
    }

    /// <summary>x87 status word.</summary>
    public ushort X87Fsw
    {
        get => Read16(0x40E);
        set => Write16(0x40E, value);
    }

    /// <summary>x87 control word.</summary>
    public ushort X87Fcw
    {
        get => Read16(0x410);
        set => Write16(0x410, value);
    }

    /// <summary>x87 opcode.</summary>
    public ushort X87Fop
    {
        get => Read16(0x412);
        set => Write16(0x412, value);
    }

    /// <summary>x87 instruction pointer.</summary>
    public ulong X87Rip
    {
        get => Read64(0x418);
        set => Write64(0x418, value);
    }
}
