namespace KvmSevVmm.Sev.Measurement;

/// <summary>The VMSAs that known monitors make. This monitor's own come from the registers that it gives KVM.</summary>
/// <remarks>Source: the digests that sev-snp-measure, virt-qemu-sev-validate and sevctl compute for these monitors.</remarks>
public static class VmsaProfiles
{
    /// <summary>Where the first processor starts.</summary>
    public const uint ResetVector = 0xFFFFFFF0;

    /// <summary>SEV_FEATURES bit 0: SEV-SNP is active.</summary>
    public const ulong SnpActive = 1 << 0;

    /// <summary>SEV_FEATURES bit 5: debug registers are swapped; host kernels 6.6 to 6.8 set it of themselves.</summary>
    public const ulong DebugSwap = 1 << 5;

    private const ulong ResetPat = 0x0007_0406_0007_0406;
    private const ulong GcePat = 0x0007_0106;

    // What EC2 and GCE leave in RDX whatever the processor is.
    private const ulong FixedRdx = 0x600;

    private const uint ResetMxcsr = 0x1F80;
    private const ushort ResetFcw = 0x37F;

    /// <summary>Makes a VMSA.</summary>
    /// <param name="profile">Whose.</param>
    /// <param name="startAddress">Where the vCPU starts: <see cref="ResetVector"/>, or the firmware's SEV-ES reset address.</param>
    /// <param name="cpuSignature">CPUID Fn0000_0001 EAX, which processors have in RDX after reset.</param>
    /// <param name="sevFeatures">SEV_FEATURES: 0 for SEV-ES, <see cref="SnpActive"/> and more for SEV-SNP.</param>
    public static Vmsa Create(VmsaProfile profile, uint startAddress, uint cpuSignature, ulong sevFeatures)
    {
        bool isEc2 = profile is VmsaProfile.Ec2 or VmsaProfile.Ec2Early;
        bool isInit2 = profile == VmsaProfile.QemuInit2;
        ushort codeAttributes = isEc2 && startAddress == ResetVector ? (ushort)0x9A : (ushort)0x9B;
        VmsaSegment data = new(0, 0x93, 0xFFFF, 0);
        VmsaSegment table = new(0, 0, 0xFFFF, 0);
        return new Vmsa
        {
            Es = data,
            Cs = new VmsaSegment(0xF000, codeAttributes, 0xFFFF, startAddress & 0xFFFF0000),
            Ss = data with { Attributes = isEc2 ? (ushort)0x92 : data.Attributes },
            Ds = data,
            Fs = data,
            Gs = data,
            Gdtr = table,
            Ldtr = table with { Attributes = 0x82 },
            Idtr = table,
            Tr = table with { Attributes = isEc2 ? (ushort)0x83 : (ushort)0x8B },
            Efer = 0x1000,
            Cr4 = 0x40,
            Cr0 = 0x10,
            Dr7 = 0x400,
            Dr6 = 0xFFFF0FF0,
            Rflags = 2,
            Rip = startAddress & 0xFFFF,
            Rdx = profile switch
            {
                VmsaProfile.Ec2 or VmsaProfile.Gce => FixedRdx,
                VmsaProfile.Ec2Early => 0,
                _ => cpuSignature,
            },
            GPat = profile == VmsaProfile.Gce ? GcePat : ResetPat,
            SevFeatures = sevFeatures,
            Xcr0 = 1,
            Mxcsr = isInit2 ? ResetMxcsr : 0,
            X87Fcw = isInit2 ? ResetFcw : (ushort)0,
        };
    }

    /// <summary>What to call a profile.</summary>
    /// <param name="profile">The profile.</param>
    public static string Describe(VmsaProfile profile) => profile switch
    {
        VmsaProfile.QemuLegacyInit => "QEMU with KVM_SEV_ES_INIT or a host kernel before 6.10 (MXCSR and FCW 0)",
        VmsaProfile.QemuInit2 => "QEMU with KVM_SEV_INIT2 on a host kernel from 6.10 on (MXCSR 0x1f80, FCW 0x37f)",
        VmsaProfile.Ec2 => "Amazon EC2",
        VmsaProfile.Ec2Early => "Amazon EC2 as it was at first (RDX 0)",
        VmsaProfile.Gce => "Google Compute Engine",
        _ => throw new ArgumentOutOfRangeException(nameof(profile), profile, "no profile"),
    };

    /// <summary>Whether the processor model shows in the profile's registers.</summary>
    internal static bool HasCpuSignature(VmsaProfile profile) => profile is VmsaProfile.QemuLegacyInit or VmsaProfile.QemuInit2;
}
