using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Host;

/// <summary>
/// Makes a SEV or SEV-ES guest without memory and vCPUs and ends it at once: it takes and returns an ASID, which is the scarce thing.
/// </summary>
internal static class SevGuestProbe
{
    /// <summary>Tries.</summary>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="mode">SEV or SEV-ES.</param>
    /// <param name="sevPath">The PSP device.</param>
    /// <returns>How the guest was made, one clause.</returns>
    /// <exception cref="HostLacksException">KVM does not offer the mode.</exception>
    /// <exception cref="KvmException">The kernel refused a step.</exception>
    /// <exception cref="SevCommandFailedException">The kernel or the firmware refused a command.</exception>
    internal static string Run(KvmDevice kvm, SevMode mode, string sevPath)
    {
        SevHost host = SevHost.Require(kvm, kvm.GetSupportedCpuid(), mode);
        using SevDevice device = SevDevice.Open(sevPath);
        using KvmVm vm = kvm.CreateVm(host.ChooseVmType(mode, SevInitInterface.Auto));
        using KernelSevCommands commands = KernelSevCommands.Create(vm, device);
        commands.Initialize(mode == SevMode.SevEs ? SevGuestKind.SevEs : SevGuestKind.Sev);
        string command = vm.Type != KvmVmType.Default ? "KVM_SEV_INIT2" : mode == SevMode.SevEs ? "KVM_SEV_ES_INIT" : "KVM_SEV_INIT";
        return $"by {command}; the C-bit is bit {host.CBitPosition}";
    }
}
