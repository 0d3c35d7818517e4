using System.Globalization;
using System.Text;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Host;

/// <summary>Examines a host by trying, and says what each finding means for <c>kvmsev run</c>.</summary>
public sealed class HostExaminer
{
    private const string Kvm = "kvm";
    private const string Guest = "guest";
    private const string SevCategory = "sev";
    private const string Limits = "limits";
    private static readonly string[] SevModuleParameters = ["sev", "sev_es", "sev_snp"];
    private static readonly TimeSpan VmmcallDeadline = TimeSpan.FromSeconds(1);

    private readonly string _kvmPath;
    private readonly string _sevPath;
    private readonly string _moduleParameters;
    private readonly List<HostCheck> _checks = [];

    private HostExaminer(string kvmPath, string sevPath, string moduleParameters)
    {
        _kvmPath = kvmPath;
        _sevPath = sevPath;
        _moduleParameters = moduleParameters;
    }

    /// <summary>Examines the host.</summary>
    /// <param name="kvmPath">The KVM device.</param>
    /// <param name="sevPath">The PSP device.</param>
    /// <param name="moduleParameters">Where kvm_amd shows its parameters.</param>
    public static HostReport Examine(
        string kvmPath = "/dev/kvm", string sevPath = "/dev/sev", string moduleParameters = "/sys/module/kvm_amd/parameters") =>
        new HostExaminer(kvmPath, sevPath, moduleParameters).Examine();

    private static string VendorOf(ReadOnlySpan<KvmCpuidEntry2> supported)
    {
        foreach (KvmCpuidEntry2 entry in supported)
        {
            if (entry.Function == 0)
            {
                Span<byte> name = stackalloc byte[12];
                BitConverter.TryWriteBytes(name, entry.Ebx);
                BitConverter.TryWriteBytes(name[4..], entry.Edx);
                BitConverter.TryWriteBytes(name[8..], entry.Ecx);
                return Encoding.ASCII.GetString(name);
            }
        }

        return "unknown";
    }

    private HostReport Examine()
    {
        KvmDevice? kvm = OpenKvm();
        if (kvm is null)
        {
            const string NoKvm = "no usable KVM device";
            return Report(Enum.GetValues<SevMode>().Select(static mode => new ModeVerdict(mode, false, NoKvm)));
        }

        using (kvm)
        {
            bool hasBasics = CheckBasics(kvm) & CheckMsrExits(kvm);
            bool hasHypercallExit = CheckHypercallExit(kvm);
            string vendor = VendorOf(kvm.GetSupportedCpuid());
            bool isAmd = CheckVendor(vendor);
            (VmmcallVerdict vmmcall, string vmmcallDetail) = CheckVmmcall(kvm, hasHypercallExit);
            string? sevObstacle = CheckSev(kvm);
            bool hasDevice = CheckSevDevice();
            CheckMemoryLock();
            string? guestObstacle = sevObstacle
                ?? (hasDevice ? null : $"{_sevPath} does not open")
                ?? (hasBasics ? null : "KVM lacks a capability that the monitor needs")
                ?? (hasHypercallExit ? null : "KVM_CAP_EXIT_HYPERCALL does not offer KVM_HC_MAP_GPA_RANGE");
            return Report(
            [
                hasBasics
                    ? new(SevMode.None, true, "KVM has what an ordinary guest needs; whether a 64-bit kernel runs on it is not tried here")
                    : new(SevMode.None, false, "KVM lacks a capability that the monitor needs"),
                JudgeSimulated(hasBasics, hasHypercallExit, isAmd, vmmcall, vmmcallDetail),
                JudgeHardware(kvm, SevMode.Sev, guestObstacle),
                JudgeHardware(kvm, SevMode.SevEs, guestObstacle),
                new(SevMode.SevSnp, false, sevObstacle ?? "this version of kvmsev loads no guest firmware yet, and SEV-SNP needs one"),
            ]);
        }
    }

    private static ModeVerdict JudgeSimulated(bool hasBasics, bool hasHypercallExit, bool isAmd, VmmcallVerdict vmmcall, string vmmcallDetail)
    {
        string? obstacle = null;
        if (!hasBasics)
        {
            obstacle = "KVM lacks a capability that the monitor needs";
        }
        else if (!hasHypercallExit)
        {
            obstacle = "KVM_CAP_EXIT_HYPERCALL does not offer KVM_HC_MAP_GPA_RANGE";
        }
        else if (!isAmd)
        {
            obstacle = "a SEV guest needs an AMD processor: it makes its hypercalls by VMMCALL";
        }
        else if (vmmcall != VmmcallVerdict.Works)
        {
            obstacle = vmmcallDetail;
        }

        return new(SevMode.Simulated, obstacle is null, obstacle ?? "guests can make the page-state hypercall; nothing is encrypted in this mode");
    }

    private ModeVerdict JudgeHardware(KvmDevice kvm, SevMode mode, string? obstacle)
    {
        string check = SevModeWords.WordFor(mode) + "-guest";
        string description = $"a VM becomes a {SevModeWords.WordFor(mode)} guest (tried)";
        if (obstacle is not null)
        {
            _checks.Add(new(check, SevCategory, CheckStatus.Skip, description, "not tried: " + obstacle, null));
            return new(mode, false, obstacle);
        }

        try
        {
            string made = SevGuestProbe.Run(kvm, mode, _sevPath);
            Add(check, SevCategory, true, description, made);
            return new(mode, true, "a guest of this kind could be made; " + SevModeWords.ProtectionFor(mode));
        }
        catch (Exception refused) when (refused is HostLacksException or KvmException or SevCommandFailedException)
        {
            string? hint = refused switch
            {
                HostLacksException lacks => lacks.Hint,
                SevCommandFailedException command => command.Hint,
                _ => ((KvmException)refused).Hint,
            };
            Add(check, SevCategory, false, description, refused.Message, hint);
            return new(mode, false, refused.Message);
        }
    }

    private HostReport Report(IEnumerable<ModeVerdict> modes) => new([.. _checks], [.. modes]);

    private void Add(string name, string category, bool isPassed, string description, string message, string? hint = null) =>
        _checks.Add(new(name, category, isPassed ? CheckStatus.Pass : CheckStatus.Fail, description, message, isPassed ? null : hint));

    private KvmDevice? OpenKvm()
    {
        const string Description = "the KVM device opens and speaks API version 12";
        try
        {
            KvmDevice kvm = KvmDevice.Open(_kvmPath);
            Add("kvm-device", Kvm, true, Description, $"{_kvmPath} opens, API version {kvm.ApiVersion}");
            return kvm;
        }
        catch (KvmException refused)
        {
            Add("kvm-device", Kvm, false, Description, refused.Message, refused.Hint);
            return null;
        }
        catch (PlatformNotSupportedException otherApi)
        {
            Add("kvm-device", Kvm, false, Description, otherApi.Message, "kvmsev needs the KVM of Linux on x86-64");
            return null;
        }
    }

    private bool CheckBasics(KvmDevice kvm)
    {
        (KvmCap Cap, string Name)[] needed =
        [
            (KvmCap.UserMemory, "KVM_CAP_USER_MEMORY"),
            (KvmCap.Irqchip, "KVM_CAP_IRQCHIP"),
            (KvmCap.Pit2, "KVM_CAP_PIT2"),
            (KvmCap.ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
            (KvmCap.EnforcePvFeatureCpuid, "KVM_CAP_ENFORCE_PV_FEATURE_CPUID"),
        ];
        string missing = string.Join(", ", needed.Where(entry => kvm.CheckExtension(entry.Cap) == 0).Select(entry => entry.Name));
        Add(
            "kvm-capabilities",
            Kvm,
            missing.Length == 0,
            "KVM has the capabilities that every guest needs",
            missing.Length == 0 ? string.Join(", ", needed.Select(entry => entry.Name)) : $"missing: {missing}",
            "use Linux 5.10 or newer on x86");
        return missing.Length == 0;
    }

    private bool CheckHypercallExit(KvmDevice kvm)
    {
        uint mask = (uint)kvm.CheckExtension(KvmCap.ExitHypercall);
        bool isOffered = (mask & HypercallExits.MapGpaRange) != 0;
        Add(
            "exit-hypercall",
            Kvm,
            isOffered,
            "KVM_CAP_EXIT_HYPERCALL offers KVM_HC_MAP_GPA_RANGE (bit 12)",
            string.Create(CultureInfo.InvariantCulture, $"mask 0x{mask:x}"),
            "use Linux 5.14 or newer");
        return isOffered;
    }

    private bool CheckMsrExits(KvmDevice kvm)
    {
        bool hasExits = kvm.CheckExtension(KvmCap.X86UserSpaceMsr) != 0 && kvm.CheckExtension(KvmCap.X86MsrFilter) != 0;
        Add(
            "msr-exits",
            Kvm,
            hasExits,
            "KVM_CAP_X86_USER_SPACE_MSR and KVM_CAP_X86_MSR_FILTER",
            hasExits ? "both offered" : "not offered",
            "use Linux 5.10 or newer");
        return hasExits;
    }

    private bool CheckVendor(string vendor)
    {
        bool isAmd = vendor is "AuthenticAMD" or "HygonGenuine";
        Add(
            "cpu-vendor",
            Guest,
            isAmd,
            "guests see an AMD processor",
            $"CPUID vendor {vendor}",
            "SEV and its simulation need an AMD processor; the laboratory (scripts/lab.sh) emulates one");
        return isAmd;
    }

    private (VmmcallVerdict Verdict, string Detail) CheckVmmcall(KvmDevice kvm, bool isOffered)
    {
        const string Description = "a guest's VMMCALL reaches user space and returns (tried, 1 s deadline)";
        if (!isOffered)
        {
            const string Reason = "not tried: KVM does not offer the exit";
            _checks.Add(new("vmmcall", Guest, CheckStatus.Skip, Description, Reason, null));
            return (VmmcallVerdict.NotTried, Reason);
        }

        (VmmcallVerdict verdict, string detail) = VmmcallProbe.Run(kvm, VmmcallDeadline);
        if (verdict == VmmcallVerdict.NotTried)
        {
            _checks.Add(new("vmmcall", Guest, CheckStatus.Skip, Description, detail, null));
            return (verdict, detail);
        }

        Add(
            "vmmcall",
            Guest,
            verdict == VmmcallVerdict.Works,
            Description,
            detail,
            "this is not hardware SVM, as a rule a software-nesting KVM; use a bare-metal or properly nested AMD host, or the laboratory (scripts/lab.sh)");
        return (verdict, detail);
    }

    /// <summary>Checks what KVM itself says of SEV.</summary>
    /// <returns>What stands in the way of a SEV guest, or null.</returns>
    private string? CheckSev(KvmDevice kvm)
    {
        uint types = (uint)kvm.CheckExtension(KvmCap.VmTypes);
        string? obstacle;
        try
        {
            using KvmVm vm = kvm.CreateVm();
            obstacle = vm.ProbeMemoryEncryption() is { } errno
                ? $"KVM_MEMORY_ENCRYPT_OP answers {(Errno)errno} ({errno}): this KVM offers no SEV"
                : null;
        }
        catch (KvmException refused)
        {
            obstacle = refused.Message;
        }

        Add(
            "kvm-sev",
            SevCategory,
            obstacle is null,
            "KVM offers SEV (KVM_MEMORY_ENCRYPT_OP, KVM_CAP_VM_TYPES)",
            string.Create(CultureInfo.InvariantCulture, $"{obstacle ?? "KVM_MEMORY_ENCRYPT_OP answers"}; VM types 0x{types:x}; {ReadModuleParameters()}"),
            "needs an EPYC processor with SEV enabled in the BIOS (SMEE), and kvm_amd loaded with sev=1");
        return obstacle;
    }

    private string ReadModuleParameters()
    {
        if (!Directory.Exists(_moduleParameters))
        {
            return "kvm_amd is not loaded";
        }

        IEnumerable<string> values = SevModuleParameters
            .Select(name => (name, path: Path.Combine(_moduleParameters, name)))
            .Select(parameter => $"{parameter.name}={(File.Exists(parameter.path) ? File.ReadAllText(parameter.path).Trim() : "absent")}");
        return "kvm_amd " + string.Join(' ', values);
    }

    private bool CheckSevDevice()
    {
        const string Description = "the PSP device opens and answers";
        const string Name = "sev-device";
        try
        {
            using SevDevice device = SevDevice.Open(_sevPath);
            using KernelSevPlatform platform = new(device);
            SevPlatformStatus status = platform.GetStatus();
            Add(Name, SevCategory, true, Description, $"{_sevPath} opens, firmware {status.Firmware}, {status.GuestCount} guests");
            return true;
        }
        catch (KvmException refused)
        {
            Add(
                Name,
                SevCategory,
                false,
                Description,
                refused.Message,
                File.Exists(_sevPath)
                    ? refused.Hint ?? "run as root, or give your group access to the device"
                    : "SEV is off in the BIOS (SMEE), the ccp module is not loaded, or this is itself a virtual machine");
            return false;
        }
        catch (SevCommandFailedException refused)
        {
            Add(Name, SevCategory, false, Description, refused.Message, refused.Hint ?? "read what ccp wrote to dmesg");
            return false;
        }
    }

    private void CheckMemoryLock()
    {
        ulong limit = ResourceLimit.GetLockedMemory().Soft;
        _checks.Add(new(
            "memlock",
            Limits,
            CheckStatus.Pass,
            "how much memory may be pinned (SEV and SEV-ES pin all guest RAM; the other modes pin none)",
            limit == ResourceLimit.Unlimited
                ? "unlimited"
                : string.Create(CultureInfo.InvariantCulture, $"{limit >> 10} KiB; CAP_IPC_LOCK lifts it"),
            null));
    }
}
