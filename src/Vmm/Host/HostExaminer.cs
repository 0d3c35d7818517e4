using System.Globalization;
using System.Text;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Host;

/// <summary>Examines a host by trying, and says what each finding means for <c>kvmsev run</c>.</summary>
public sealed class HostExaminer
{
    private const string Kvm = "kvm";
    private const string Guest = "guest";
    private const string NoCapability = "KVM lacks a capability that the monitor needs";
    private static readonly Version PageStateHypercall = new(5, 14);
    private static readonly TimeSpan VmmcallDeadline = TimeSpan.FromSeconds(1);

    private readonly HostPaths _paths;
    private readonly HostCheckList _checks = new();

    private HostExaminer(HostPaths paths)
    {
        _paths = paths;
    }

    /// <summary>Examines the host.</summary>
    /// <param name="paths">Where the host shows what it has.</param>
    public static HostReport Examine(HostPaths paths) => new HostExaminer(paths).Examine();

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
        CheckKernel();
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
            string? obstacle = !hasBasics
                ? NoCapability
                : hasHypercallExit ? null : "KVM_CAP_EXIT_HYPERCALL does not offer KVM_HC_MAP_GPA_RANGE";
            return Report(
            [
                hasBasics
                    ? new(SevMode.None, true, "KVM has what an ordinary guest needs; whether a 64-bit kernel runs on it is not tried here")
                    : new(SevMode.None, false, NoCapability),
                JudgeSimulated(hasBasics, hasHypercallExit, isAmd, vmmcall, vmmcallDetail),
                .. new SevExaminer(_paths, _checks).Examine(kvm, obstacle).Select(verdict => Qualify(verdict, vmmcall, vmmcallDetail)),
            ]);
        }
    }

    private static ModeVerdict JudgeSimulated(
        bool hasBasics, bool hasHypercallExit, bool isAmd, VmmcallVerdict vmmcall, string vmmcallDetail)
    {
        string? obstacle = null;
        if (!hasBasics)
        {
            obstacle = NoCapability;
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

        return new(
            SevMode.Simulated, obstacle is null, obstacle ?? "guests can make the page-state hypercall; nothing is encrypted in this mode");
    }

    /// <summary>A SEV guest shares its pages by the very VMMCALL that was tried; one of SEV-ES or SEV-SNP asks in another way.</summary>
    private static ModeVerdict Qualify(ModeVerdict verdict, VmmcallVerdict vmmcall, string vmmcallDetail) =>
        verdict is { Mode: SevMode.Sev, IsUsable: true } && vmmcall is not (VmmcallVerdict.Works or VmmcallVerdict.NotTried)
            ? verdict with { Reason = $"{verdict.Reason}; but it will not share pages here: {vmmcallDetail}" }
            : verdict;

    private HostReport Report(IEnumerable<ModeVerdict> modes) => new(_checks.Checks, [.. modes]);

    private void CheckKernel()
    {
        const string Description = "the kernel is Linux 5.14 or newer (page-state hypercalls; older ones run ordinary guests only)";
        string release = File.Exists(_paths.KernelRelease) ? File.ReadAllText(_paths.KernelRelease).Trim() : "unknown";
        bool isNumbered = Version.TryParse(string.Join('.', release.Split('.', '-', '+').Take(2)), out Version? version);
        _checks.Add(
            "kernel",
            Kvm,
            isNumbered && version >= PageStateHypercall,
            Description,
            $"{release}; KVM_SEV_INIT2 needs 6.10, SEV-SNP 6.11",
            "use Linux 5.14 or newer");
    }

    private KvmDevice? OpenKvm()
    {
        const string Description = "the KVM device opens and speaks API version 12";
        try
        {
            KvmDevice kvm = KvmDevice.Open(_paths.Kvm);
            _checks.Add("kvm-device", Kvm, true, Description, $"{_paths.Kvm} opens, API version {kvm.ApiVersion}");
            return kvm;
        }
        catch (KvmException refused)
        {
            _checks.Add("kvm-device", Kvm, false, Description, RefusalWords.Of(refused).Message, refused.Hint);
            return null;
        }
        catch (PlatformNotSupportedException otherApi)
        {
            _checks.Add("kvm-device", Kvm, false, Description, otherApi.Message, "kvmsev needs the KVM of Linux on x86-64");
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
        _checks.Add(
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
        _checks.Add(
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
        _checks.Add(
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
        _checks.Add(
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
            const string Reason = "KVM does not offer the exit";
            _checks.Skip("vmmcall", Guest, Description, Reason);
            return (VmmcallVerdict.NotTried, "not tried: " + Reason);
        }

        (VmmcallVerdict verdict, string detail) = VmmcallProbe.Run(kvm, VmmcallDeadline);
        if (verdict == VmmcallVerdict.NotTried)
        {
            _checks.Skip("vmmcall", Guest, Description, detail);
            return (verdict, detail);
        }

        _checks.Add(
            "vmmcall",
            Guest,
            verdict == VmmcallVerdict.Works,
            Description,
            detail,
            "this is not hardware SVM, as a rule a software-nesting KVM; use a bare-metal or properly nested AMD host, or the laboratory "
            + "(scripts/lab.sh)");
        return (verdict, detail);
    }
}
