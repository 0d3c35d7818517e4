using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Boot;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>The registers that a vCPU starts with.</summary>
public static class ResetState
{
    private const ulong Cr0ProtectedMode = 0x11; // PE, ET
    private const ulong Cr0Paging = 0x8000_0000;
    private const ulong Cr4PhysicalAddressExtension = 0x20;
    private const ulong EferLongMode = 0x500; // LME, LMA
    private const ulong RflagsReserved = 0x2;
    private const uint MtrrDefTypeMsr = 0x2FF;
    private const uint MiscEnableMsr = 0x1A0;

    /// <summary>MTRRs on, fixed ranges on, default type write-back; without it Linux leaves PAT off and a SEV guest stops with a BUG.</summary>
    private const ulong MtrrEnabledWriteBack = 0xC06;

    private const ulong MiscEnableFastStrings = 1;

    /// <summary>Sets what every vCPU needs, whether it boots or waits for a start-up IPI.</summary>
    /// <param name="vcpu">The vCPU, its CPUID set.</param>
    /// <exception cref="HostLacksException">KVM refuses one of the MSRs.</exception>
    public static void ApplyCommon(KvmVcpu vcpu)
    {
        Span<KvmMsrEntry> msrs =
        [
            new() { Index = MtrrDefTypeMsr, Data = MtrrEnabledWriteBack },
            new() { Index = MiscEnableMsr, Data = MiscEnableFastStrings },
        ];
        int written = vcpu.SetMsrs(msrs);
        if (written != msrs.Length)
        {
            throw new HostLacksException($"KVM_SET_MSRS: this KVM refuses MSR 0x{msrs[written].Index:x}", "use Linux 5.10 or newer on x86");
        }
    }

    /// <summary>Points the boot vCPU at the loaded image.</summary>
    /// <param name="vcpu">vCPU 0.</param>
    /// <param name="boot">What the loader wants in the registers.</param>
    public static void ApplyBoot(KvmVcpu vcpu, BootRegisters boot)
    {
        KvmSregs sregs = vcpu.GetSregs();
        bool isLongMode = boot.Protocol == BootProtocol.Linux64;
        KvmSegment code = FlatSegment(isLongMode ? BootGdt.Code64Selector : BootGdt.Code32Selector, type: 0xB);
        code.L = (byte)(isLongMode ? 1 : 0);
        code.Db = (byte)(isLongMode ? 0 : 1);
        KvmSegment data = FlatSegment(BootGdt.DataSelector, type: 0x3);
        data.Db = 1;
        sregs.Cs = code;
        sregs.Ds = sregs.Es = sregs.Fs = sregs.Gs = sregs.Ss = data;
        sregs.Tr = new() { Limit = 0x67, Type = 0xB, Present = 1 };
        sregs.Ldt = new() { Limit = 0xFFFF, Type = 0x2, Present = 1 };
        sregs.Gdt.Base = boot.GdtBase.Value;
        sregs.Gdt.Limit = boot.GdtLimit;
        sregs.Idt.Limit = 0;
        sregs.Cr0 = isLongMode ? Cr0ProtectedMode | Cr0Paging : Cr0ProtectedMode;
        sregs.Cr3 = boot.Cr3;
        sregs.Cr4 = isLongMode ? Cr4PhysicalAddressExtension : 0;
        sregs.Efer = isLongMode ? EferLongMode : 0;
        vcpu.SetSregs(sregs);
        vcpu.SetRegs(new KvmRegs
        {
            Rip = boot.Entry.Value,
            Rax = boot.Rax,
            Rsi = boot.Rsi,
            Rbx = boot.Rbx,
            Rflags = RflagsReserved,
        });
    }

    private static KvmSegment FlatSegment(ushort selector, byte type) => new()
    {
        Base = 0,
        Limit = 0xFFFF_FFFF,
        Selector = selector,
        Type = type,
        Present = 1,
        S = 1,
        G = 1,
    };
}
