using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// The vCPUs' save areas (VMSA) as KVM makes and the firmware measures them, computed from the registers that the vCPUs start with. So the
/// launch digest of a SEV-ES guest is known beforehand, by whoever has the same files: no KVM is asked.
/// </summary>
/// <remarks>
/// Source: Linux, arch/x86/kvm/svm/sev.c (sev_es_sync_vmsa) and svm.c (init_vmcb, svm_set_segment, svm_set_cr0, svm_set_cr4).
/// </remarks>
public static class SaveAreas
{
    /// <summary>EFER.SVME, which KVM sets in every save area.</summary>
    private const ulong SecureVirtualMachineEnable = 1 << 12;

    /// <summary>CR4.MCE, which KVM takes over from the host, where it is always set.</summary>
    private const ulong MachineCheckEnable = 1 << 6;

    /// <summary>CR0.CD and CR0.NW, which KVM keeps clear.</summary>
    private const ulong CacheControls = 0x6000_0000;

    private const ulong ResetDr6 = 0xFFFF_0FF0;
    private const ulong ResetDr7 = 0x400;
    private const ulong ResetPat = 0x0007_0406_0007_0406;
    private const ulong ResetXcr0 = 1;
    private const uint ResetMxcsr = 0x1F80;
    private const ushort ResetFcw = 0x37F;

    /// <summary>The save areas of a kernel that is booted directly.</summary>
    /// <param name="boot">What the loader wants in the first vCPU's registers: <see cref="LoadedImage.Registers"/>.</param>
    /// <param name="vcpuCount">Number of vCPUs.</param>
    /// <param name="init">How the machine becomes a SEV-ES guest; not <see cref="SevInitInterface.Auto"/>.</param>
    /// <param name="cpuSignature">
    /// Leaf 1 EAX of the guest's CPUID, which is that of its host: it stands in the registers of every vCPU but the first.
    /// </param>
    /// <param name="sevFeatures">SEV_FEATURES: 0 for SEV-ES.</param>
    /// <returns>A page of 4096 bytes for each vCPU, in their order.</returns>
    public static IReadOnlyList<byte[]> ForDirectBoot(
        BootRegisters boot, int vcpuCount, SevInitInterface init, uint cpuSignature, ulong sevFeatures = 0) =>
        Create(ResetState.ForDirectBoot(boot, vcpuCount, cpuSignature), init, sevFeatures);

    /// <summary>The save areas of vCPUs with given registers.</summary>
    /// <param name="vcpus">What the vCPUs start with, in their order.</param>
    /// <param name="init">How the machine becomes a SEV-ES or SEV-SNP guest; not <see cref="SevInitInterface.Auto"/>.</param>
    /// <param name="sevFeatures">SEV_FEATURES: 0 for SEV-ES.</param>
    /// <returns>A page of 4096 bytes for each vCPU, in their order.</returns>
    public static IReadOnlyList<byte[]> Create(IReadOnlyList<InitialRegisters> vcpus, SevInitInterface init, ulong sevFeatures = 0) =>
        [.. vcpus.Select(registers => Create(registers, init, sevFeatures).Page.ToArray())];

    private static Vmsa Create(InitialRegisters registers, SevInitInterface init, ulong sevFeatures)
    {
        KvmRegs general = registers.General;
        KvmSregs system = registers.System;

        // KVM_SEV_ES_INIT leaves the FPU out, so that measurements of old kernels stay what they were.
        bool hasFpu = init switch
        {
            SevInitInterface.Init2 => true,
            SevInitInterface.Legacy => false,
            _ => throw new ArgumentOutOfRangeException(nameof(init), init, "The interface must be known; the save area depends on it."),
        };
        return new Vmsa
        {
            Es = Segment(system.Es),
            Cs = Segment(system.Cs),
            Ss = Segment(system.Ss),
            Ds = Segment(system.Ds),
            Fs = Segment(system.Fs),
            Gs = Segment(system.Gs),
            Gdtr = new VmsaSegment(0, 0, system.Gdt.Limit, system.Gdt.Base),
            Ldtr = Segment(system.Ldt),
            Idtr = new VmsaSegment(0, 0, system.Idt.Limit, system.Idt.Base),
            Tr = Segment(system.Tr),
            Cpl = system.Ss.Dpl,
            Efer = system.Efer | SecureVirtualMachineEnable,
            Cr4 = system.Cr4 | MachineCheckEnable,
            Cr3 = system.Cr3,
            Cr0 = system.Cr0 & ~CacheControls,
            Cr2 = system.Cr2,
            Dr7 = ResetDr7,
            Dr6 = ResetDr6,
            Rflags = general.Rflags,
            Rip = general.Rip,
            Rsp = general.Rsp,
            Rax = general.Rax,
            Rbx = general.Rbx,
            Rcx = general.Rcx,
            Rdx = general.Rdx,
            Rbp = general.Rbp,
            Rsi = general.Rsi,
            Rdi = general.Rdi,
            R8 = general.R8,
            R9 = general.R9,
            R10 = general.R10,
            R11 = general.R11,
            R12 = general.R12,
            R13 = general.R13,
            R14 = general.R14,
            R15 = general.R15,
            GPat = ResetPat,
            SevFeatures = sevFeatures,
            Xcr0 = ResetXcr0,
            Mxcsr = hasFpu ? ResetMxcsr : 0,
            X87Fcw = hasFpu ? ResetFcw : (ushort)0,
        };
    }

    /// <summary>A segment as the VMCB has it: attributes are bits 55:52 and 47:40 of the descriptor, side by side.</summary>
    private static VmsaSegment Segment(in KvmSegment segment)
    {
        int present = segment.Present != 0 && segment.Unusable == 0 ? 1 : 0;
        int attributes = segment.Type | (segment.S << 4) | (segment.Dpl << 5) | (present << 7) | (segment.Avl << 8) | (segment.L << 9)
            | (segment.Db << 10) | (segment.G << 11);
        return new VmsaSegment(segment.Selector, (ushort)attributes, segment.Limit, segment.Base);
    }
}
