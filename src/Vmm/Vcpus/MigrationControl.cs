using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Vcpus;

/// <summary>MSR_KVM_MIGRATION_CONTROL (0x4b564d08): the guest says whether its map can be trusted for a migration.</summary>
/// <remarks>KVM knows nothing of this MSR; the value is the guest's, one for all vCPUs. Source: Linux, virt/kvm/x86/msr.rst.</remarks>
public sealed class MigrationControl
{
    /// <summary>The MSR's index.</summary>
    public const uint MsrIndex = 0x4B56_4D08;

    private const ulong ReadyBit = 1;
    private readonly SharedRegionTracker _tracker;
    private ulong _value;
    private bool _wasReady;

    /// <summary>Makes the register with its documented start value: an encrypted guest is not ready until it says so.</summary>
    /// <param name="mode">The machine's mode.</param>
    /// <param name="tracker">The map; it carries the guest's word.</param>
    public MigrationControl(SevMode mode, SharedRegionTracker tracker)
    {
        _tracker = tracker;
        _value = mode == SevMode.None ? ReadyBit : 0;
        _tracker.MigrationReady = IsReady;
    }

    /// <summary>Whether the guest says now that it can be migrated.</summary>
    public bool IsReady => (Volatile.Read(ref _value) & ReadyBit) != 0;

    /// <summary>Whether the guest itself has ever said so.</summary>
    public bool WasReported => Volatile.Read(ref _wasReady);

    /// <summary>The register.</summary>
    public ulong Value => Volatile.Read(ref _value);

    /// <summary>Takes a guest's write.</summary>
    /// <param name="value">Bit 0: ready; all other bits must be zero.</param>
    /// <returns>False when a reserved bit is set: the guest gets #GP and the register keeps its value.</returns>
    public bool TryWrite(ulong value)
    {
        if ((value & ~ReadyBit) != 0)
        {
            return false;
        }

        Volatile.Write(ref _value, value);
        _tracker.MigrationReady = value == ReadyBit;
        if (value == ReadyBit)
        {
            Volatile.Write(ref _wasReady, true);
        }

        return true;
    }
}
