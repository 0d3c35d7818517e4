using System.Globalization;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>Asks KVM for KVM_EXIT_HYPERCALL.</summary>
public static class HypercallExits
{
    /// <summary>The bit of KVM_HC_MAP_GPA_RANGE in the mask.</summary>
    public const ulong MapGpaRange = 1UL << 12;

    /// <summary>Enables KVM_CAP_EXIT_HYPERCALL.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="requested">The mask that the user wants, 0 among them; null for <see cref="MapGpaRange"/> when it is needed.</param>
    /// <param name="isNeeded">Whether the mode wants it when the user says nothing.</param>
    /// <returns>The mask that is now enabled; 0 when the kernel has none and none is needed.</returns>
    /// <exception cref="HostLacksException">The kernel does not offer a bit of the mask.</exception>
    public static ulong Enable(KvmVm vm, ulong? requested, bool isNeeded)
    {
        ulong offered = (uint)vm.CheckExtension(KvmCap.ExitHypercall);
        ulong mask = requested ?? (isNeeded ? MapGpaRange : 0);
        ulong missing = mask & ~offered;
        if (missing != 0)
        {
            throw new HostLacksException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"KVM_CAP_EXIT_HYPERCALL: this kernel offers 0x{offered:x}, but 0x{missing:x} is asked for"),
                offered == 0
                    ? "KVM_HC_MAP_GPA_RANGE needs Linux 5.14 or newer"
                    : "give --exit-hypercalls a mask within what the kernel offers");
        }

        // Set even when it is 0, so that the mask is ours and not a default.
        if (offered != 0)
        {
            vm.EnableCap(KvmCap.ExitHypercall, mask);
        }

        return mask;
    }
}
