using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>What this host's KVM says of SEV: where the C-bit is, and how a guest of a kind is made.</summary>
/// <param name="CBitPosition">The C-bit, the same for every guest of this host.</param>
/// <param name="ReducedPhysicalBits">By how many bits the guest's physical addresses are shorter.</param>
/// <param name="Features">Leaf 0x8000001F EAX as KVM offers it: bit 1 SEV, bit 3 SEV-ES, bit 4 SEV-SNP.</param>
/// <param name="VmTypes">The mask of KVM_CAP_VM_TYPES; 0 on kernels before it.</param>
/// <param name="HasInit2">Whether KVM_SEV_INIT2 exists.</param>
public sealed record SevHost(int CBitPosition, int ReducedPhysicalBits, uint Features, uint VmTypes, bool HasInit2)
{
    private const uint MemoryEncryptionLeafNumber = 0x8000_001F;
    private const uint SevFeature = 1 << 1;
    private const uint SevEsFeature = 1 << 3;
    private const uint SnpFeature = 1 << 4;
    private const string Doctor =
        "'kvmsev doctor' tells what was tried; --sev simulated runs the guest's side of SEV without hardware and without encryption";

    /// <summary>Reads what KVM says; the CPUID instruction is not asked, it knows nothing of the kernel's settings.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <returns>Null where KVM has no SEV.</returns>
    public static SevHost? Find(KvmDevice kvm, ReadOnlySpan<KvmCpuidEntry2> supported)
    {
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == MemoryEncryptionLeafNumber && (entry.Eax & SevFeature) != 0)
            {
                // KVM reports a reduction of 0 although every processor has one; Linux guests and other monitors expect at least 1.
                return new SevHost(
                    (int)(entry.Ebx & 0x3F),
                    Math.Max(1, (int)((entry.Ebx >> 6) & 0x3F)),
                    entry.Eax,
                    (uint)kvm.CheckExtension(KvmCap.VmTypes),
                    kvm.HasDeviceAttribute(KvmSystemAttributeGroup.Sev, KvmSevSystemAttributes.SevVmsaFeatures));
            }
        }

        return null;
    }

    /// <summary>Reads what KVM says, and refuses a host that cannot run the mode.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="mode">The mode that is wanted.</param>
    /// <exception cref="HostLacksException">KVM has no SEV, or not this kind.</exception>
    public static SevHost Require(KvmDevice kvm, ReadOnlySpan<KvmCpuidEntry2> supported, SevMode mode)
    {
        SevHost host = Find(kvm, supported) ?? throw new HostLacksException(
            $"--sev {SevModeWords.WordFor(mode)}: this KVM offers no SEV (leaf 0x8000001F of KVM_GET_SUPPORTED_CPUID)", Doctor);
        uint needed = FeaturesFor(mode);
        return (host.Features & needed) == needed
            ? host
            : throw new HostLacksException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"--sev {SevModeWords.WordFor(mode)}: this KVM offers SEV, but not this kind (leaf 0x8000001F: 0x{host.Features:x})"),
                "set the number of its ASIDs in the firmware set-up and load kvm_amd with sev_es=1 or sev_snp=1; " + Doctor);
    }

    /// <summary>Leaf 0x8000001F EAX for a guest of that mode: only what the guest itself is.</summary>
    /// <param name="mode">SEV, SEV-ES or SEV-SNP.</param>
    public static uint FeaturesFor(SevMode mode) => mode switch
    {
        SevMode.SevSnp => SevFeature | SevEsFeature | SnpFeature,
        SevMode.SevEs => SevFeature | SevEsFeature,
        _ => SevFeature,
    };

    /// <summary>The type of VM to create.</summary>
    /// <param name="mode">SEV, SEV-ES or SEV-SNP.</param>
    /// <param name="wanted">How the user wants it to be made; SEV-SNP guests are made in one way only.</param>
    /// <exception cref="HostLacksException">The kernel does not have what is wanted for this mode.</exception>
    public KvmVmType ChooseVmType(SevMode mode, SevInitInterface wanted)
    {
        if (mode == SevMode.SevSnp)
        {
            return HasInit2 && (VmTypes & (1u << (int)KvmVmType.Snp)) != 0
                ? KvmVmType.Snp
                : throw new HostLacksException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"--sev sev-snp: this KVM offers no SNP VM type (KVM_CAP_VM_TYPES = 0x{VmTypes:x}, "
                        + $"KVM_SEV_INIT2 {(HasInit2 ? "is there" : "is missing")})"),
                    "use Linux 6.11 or newer, switch SNP on in the firmware set-up (SMEE, SNP memory coverage, RMP), and load kvm_amd "
                    + "with sev_snp=1");
        }

        KvmVmType type = mode == SevMode.SevEs ? KvmVmType.SevEs : KvmVmType.Sev;
        bool isOffered = HasInit2 && (VmTypes & (1u << (int)type)) != 0;
        return wanted switch
        {
            SevInitInterface.Legacy => KvmVmType.Default,
            SevInitInterface.Init2 when !isOffered => throw new HostLacksException(
                string.Create(
                    CultureInfo.InvariantCulture, $"KVM_SEV_INIT2: this kernel does not have it for this mode (VM types 0x{VmTypes:x})"),
                "use Linux 6.10 or newer, or leave legacy-vm-type at auto"),
            _ => isOffered ? type : KvmVmType.Default,
        };
    }
}
