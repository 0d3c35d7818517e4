using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Boot;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>The registers that a vCPU starts with.</summary>
public static class ResetState
{
    /// <summary>Where a processor starts after a reset.</summary>
    public const uint ResetVector = 0xFFFF_FFF0;

    private const ulong Cr0AtReset = 0x6000_0010; // CD, NW, ET
    private const ulong Cr0ProtectedMode = 0x11; // PE, ET
    private const ulong Cr0Paging = 0x8000_0000;
    private const ulong Cr4PhysicalAddressExtension = 0x20;
    private const ulong EferLongMode = 0x500; // LME, LMA
    private const ulong RflagsReserved = 0x2;
    private const uint MtrrDefTypeMsr = 0x2FF;
    private const uint MiscEnableMsr = 0x1A0;

    /// <summary>
    /// MTRRs on, fixed ranges on, default type write-back; without it Linux leaves PAT off and a SEV guest stops with a BUG.
    /// </summary>
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

    /// <summary>The registers of a machine's vCPUs: the first enters the kernel, the others wait where a processor is reset to.</summary>
    /// <param name="boot">What the loader wants in the first vCPU's registers.</param>
    /// <param name="vcpuCount">Number of vCPUs.</param>
    /// <param name="cpuSignature">Leaf 1 EAX of the guest's CPUID.</param>
    public static IReadOnlyList<InitialRegisters> ForDirectBoot(BootRegisters boot, int vcpuCount, uint cpuSignature) =>
        [ForBoot(boot), .. Enumerable.Repeat(AtReset(ResetVector, cpuSignature), vcpuCount - 1)];

    /// <summary>The registers of a machine's vCPUs that starts with firmware: as after reset.</summary>
    /// <param name="firmware">The firmware.</param>
    /// <param name="vcpuCount">Number of vCPUs.</param>
    /// <param name="cpuSignature">Leaf 1 EAX of the guest's CPUID.</param>
    /// <param name="hasProtectedState">
    /// Whether the guest is one of SEV-ES or SEV-SNP: nobody can move its further vCPUs to where a start-up IPI points, so they start where
    /// the image says.
    /// </param>
    /// <exception cref="KvmSevVmm.Sev.SevFormatException">The image does not say.</exception>
    public static IReadOnlyList<InitialRegisters> ForFirmware(
        GuestFirmware firmware, int vcpuCount, uint cpuSignature, bool hasProtectedState) =>
        [.. Enumerable.Range(0, vcpuCount).Select(
            index => AtReset(hasProtectedState ? firmware.GetStartAddress(index) : ResetVector, cpuSignature))];

    /// <summary>What a vCPU has that enters a loaded kernel.</summary>
    /// <param name="boot">What the loader wants in the registers.</param>
    public static InitialRegisters ForBoot(BootRegisters boot)
    {
        bool isLongMode = boot.Protocol == BootProtocol.Linux64;
        KvmSegment code = FlatSegment(isLongMode ? BootGdt.Code64Selector : BootGdt.Code32Selector, type: 0xB);
        code.L = (byte)(isLongMode ? 1 : 0);
        code.Db = (byte)(isLongMode ? 0 : 1);
        KvmSegment data = FlatSegment(BootGdt.DataSelector, type: 0x3);
        data.Db = 1;
        return new InitialRegisters(
            new KvmRegs
            {
                Rip = boot.Entry.Value,
                Rax = boot.Rax,
                Rsi = boot.Rsi,
                Rbx = boot.Rbx,
                Rflags = RflagsReserved,
            },
            new KvmSregs
            {
                Cs = code,
                Ds = data,
                Es = data,
                Fs = data,
                Gs = data,
                Ss = data,
                Tr = new() { Limit = 0x67, Type = 0xB, Present = 1 },
                Ldt = new() { Limit = 0xFFFF, Type = 0x2, Present = 1 },
                Gdt = new() { Base = boot.GdtBase.Value, Limit = boot.GdtLimit },
                Cr0 = isLongMode ? Cr0ProtectedMode | Cr0Paging : Cr0ProtectedMode,
                Cr3 = boot.Cr3,
                Cr4 = isLongMode ? Cr4PhysicalAddressExtension : 0,
                Efer = isLongMode ? EferLongMode : 0,
            });
    }

    /// <summary>What a processor has after a reset.</summary>
    /// <param name="startAddress">Where it starts: <see cref="ResetVector"/>, or what a firmware image names for SEV-ES.</param>
    /// <param name="cpuSignature">Leaf 1 EAX of its CPUID, which it finds in RDX.</param>
    /// <remarks>Source: AMD64 Architecture Programmer's Manual, volume 2, table 14-1.</remarks>
    public static InitialRegisters AtReset(uint startAddress, uint cpuSignature)
    {
        KvmSegment data = new() { Limit = 0xFFFF, Type = 0x3, Present = 1, S = 1 };
        return new InitialRegisters(
            new KvmRegs { Rip = startAddress & 0xFFFF, Rdx = cpuSignature, Rflags = RflagsReserved },
            new KvmSregs
            {
                Cs = new() { Selector = 0xF000, Base = startAddress & 0xFFFF_0000, Limit = 0xFFFF, Type = 0xB, Present = 1, S = 1 },
                Ds = data,
                Es = data,
                Fs = data,
                Gs = data,
                Ss = data,
                Tr = new() { Limit = 0xFFFF, Type = 0xB, Present = 1 },
                Ldt = new() { Limit = 0xFFFF, Type = 0x2, Present = 1 },
                Gdt = new() { Limit = 0xFFFF },
                Idt = new() { Limit = 0xFFFF },
                Cr0 = Cr0AtReset,
            });
    }

    /// <summary>Sets a vCPU's registers.</summary>
    /// <param name="vcpu">The vCPU, its CPUID set.</param>
    /// <param name="registers">What it starts with.</param>
    public static void Apply(KvmVcpu vcpu, InitialRegisters registers)
    {
        // The interrupt controller's registers are KVM's to choose.
        KvmSregs current = vcpu.GetSregs();
        KvmSregs system = registers.System;
        system.Cr8 = current.Cr8;
        system.ApicBase = current.ApicBase;
        system.InterruptBitmap = current.InterruptBitmap;
        vcpu.SetSregs(system);
        vcpu.SetRegs(registers.General);
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
