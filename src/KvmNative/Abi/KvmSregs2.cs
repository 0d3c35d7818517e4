using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Abi;

/// <summary>System registers of a vCPU with PAE page-directory pointers (KVM_GET_SREGS2, KVM_SET_SREGS2).</summary>
[CName("struct kvm_sregs2")]
[StructLayout(LayoutKind.Explicit, Size = 320)]
public struct KvmSregs2
{
    /// <summary>Code segment.</summary>
    [FieldOffset(0)]
    public KvmSegment Cs;

    /// <summary>Data segment.</summary>
    [FieldOffset(24)]
    public KvmSegment Ds;

    /// <summary>Extra segment.</summary>
    [FieldOffset(48)]
    public KvmSegment Es;

    /// <summary>FS segment.</summary>
    [FieldOffset(72)]
    public KvmSegment Fs;

    /// <summary>GS segment.</summary>
    [FieldOffset(96)]
    public KvmSegment Gs;

    /// <summary>Stack segment.</summary>
    [FieldOffset(120)]
    public KvmSegment Ss;

    /// <summary>Task register.</summary>
    [FieldOffset(144)]
    public KvmSegment Tr;

    /// <summary>Local descriptor table register.</summary>
    [FieldOffset(168)]
    public KvmSegment Ldt;

    /// <summary>Global descriptor table register.</summary>
    [FieldOffset(192)]
    public KvmDtable Gdt;

    /// <summary>Interrupt descriptor table register.</summary>
    [FieldOffset(208)]
    public KvmDtable Idt;

    /// <summary>Control register 0.</summary>
    [FieldOffset(224)]
    public ulong Cr0;

    /// <summary>Control register 2: the last page-fault address.</summary>
    [FieldOffset(232)]
    public ulong Cr2;

    /// <summary>Control register 3: the page-table root; on SEV it carries the C-bit.</summary>
    [FieldOffset(240)]
    public ulong Cr3;

    /// <summary>Control register 4.</summary>
    [FieldOffset(248)]
    public ulong Cr4;

    /// <summary>Control register 8: the task priority.</summary>
    [FieldOffset(256)]
    public ulong Cr8;

    /// <summary>Extended feature enable register.</summary>
    [FieldOffset(264)]
    public ulong Efer;

    /// <summary>IA32_APIC_BASE.</summary>
    [FieldOffset(272)]
    public ulong ApicBase;

    /// <summary>KVM_SREGS2_FLAGS_PDPTRS_VALID (1) when <see cref="Pdptrs"/> counts.</summary>
    [FieldOffset(280)]
    public ulong Flags;

    /// <summary>PAE page-directory pointer entries.</summary>
    [FieldOffset(288)]
    public ULongs4 Pdptrs;
}
