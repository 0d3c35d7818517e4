using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Host;

/// <summary>
/// Begins the launch of a guest without memory and vCPUs and ends it at once: it takes and returns an ASID, which is the scarce thing, and
/// the firmware makes and forgets its keys.
/// </summary>
internal static class SevGuestProbe
{
    private const uint NoDebugging = 1 << 0;
    private const uint EncryptedState = 1 << 2;

    /// <summary>Tries.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="mode">SEV, SEV-ES or SEV-SNP.</param>
    /// <param name="sevPath">The PSP device.</param>
    /// <returns>How the guest was made, one clause.</returns>
    /// <exception cref="HostLacksException">KVM does not offer the mode.</exception>
    /// <exception cref="KvmException">The kernel refused a step.</exception>
    /// <exception cref="SevCommandFailedException">The kernel or the firmware refused a command.</exception>
    internal static string Run(KvmDevice kvm, SevMode mode, string sevPath)
    {
        SevHost host = SevHost.Require(kvm, kvm.GetSupportedCpuid(), mode);
        using SevDevice device = SevDevice.Open(sevPath);
        string commands = mode == SevMode.SevSnp ? BeginSnp(kvm, device, host) : BeginSev(kvm, device, host, mode == SevMode.SevEs);
        return $"by {commands}, and ended again; the C-bit is bit {host.CBitPosition}";
    }

    private static string BeginSev(KvmDevice kvm, SevDevice device, SevHost host, bool isEs)
    {
        using KvmVm vm = kvm.CreateVm(host.ChooseVmType(isEs ? SevMode.SevEs : SevMode.Sev, SevInitInterface.Auto));
        using KernelSevCommands commands = KernelSevCommands.Create(vm, device);
        commands.Initialize(isEs ? SevGuestKind.SevEs : SevGuestKind.Sev);
        SevPolicy policy = new(isEs ? NoDebugging | EncryptedState : NoDebugging);
        _ = commands.LaunchStart(new LaunchStartRequest(policy, default, default));
        string init = vm.Type != KvmVmType.Default ? "KVM_SEV_INIT2" : isEs ? "KVM_SEV_ES_INIT" : "KVM_SEV_INIT";
        return $"{init} and KVM_SEV_LAUNCH_START";
    }

    private static string BeginSnp(KvmDevice kvm, SevDevice device, SevHost host)
    {
        if ((host.VmTypes & (1u << (int)KvmVmType.Snp)) == 0)
        {
            throw new HostLacksException(
                $"this KVM offers no SNP VM type (KVM_CAP_VM_TYPES = 0x{host.VmTypes:x})",
                "load kvm_amd with sev_snp=1, and use Linux 6.11 or newer");
        }

        using KvmVm vm = kvm.CreateVm(KvmVmType.Snp);
        using KernelSnpCommands commands = KernelSnpCommands.Create(vm, device);
        commands.Initialize();
        commands.LaunchStart(new SnpLaunchStartRequest(SnpPolicy.Default, default));
        return "KVM_SEV_INIT2 and KVM_SEV_SNP_LAUNCH_START";
    }
}
