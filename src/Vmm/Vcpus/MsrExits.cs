using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Asks KVM to leave MSR accesses to user space: those that it does not know, and the migration-control MSR by a filter.</summary>
public static class MsrExits
{
    /// <summary>KVM_MSR_FILTER_DEFAULT_ALLOW.</summary>
    private const uint DefaultAllow = 0;

    /// <summary>Enables the exits.</summary>
    /// <param name="vm">The VM, before its vCPUs run.</param>
    /// <param name="mode">A simulated SEV guest's SEV_STATUS is filtered too: with kvm.ignore_msrs=1 KVM would answer it with 0.</param>
    /// <exception cref="HostLacksException">The kernel is older than 5.10.</exception>
    public static void Enable(KvmVm vm, SevMode mode)
    {
        if (vm.CheckExtension(KvmCap.X86UserSpaceMsr) == 0 || vm.CheckExtension(KvmCap.X86MsrFilter) == 0)
        {
            throw new HostLacksException(
                "KVM_CAP_X86_USER_SPACE_MSR and KVM_CAP_X86_MSR_FILTER: this kernel has no MSR exits", "use Linux 5.10 or newer");
        }

        vm.EnableCap(KvmCap.X86UserSpaceMsr, (ulong)(KvmMsrExitReason.Unknown | KvmMsrExitReason.Filter));

        // Their bits clear: denied, which makes it exit. All others are KVM's to answer.
        const uint Both = (uint)(KvmMsrFilterFlags.Read | KvmMsrFilterFlags.Write);
        MsrFilterRange migrationControl = MsrFilterRange.Deny(Both, MigrationControl.MsrIndex, 1);
        vm.SetMsrFilter(
            DefaultAllow,
            mode == SevMode.Simulated ? [migrationControl, MsrFilterRange.Deny(Both, MsrHandler.SevStatusMsr, 1)] : [migrationControl]);
    }
}
