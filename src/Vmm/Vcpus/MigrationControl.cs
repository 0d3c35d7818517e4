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
    private readonly Lock _lock = new();
    private readonly SharedRegionTracker _tracker;
    private ulong _value;
    private bool _isReady;
    private bool _wasReady;

    /// <summary>Makes the register with its documented start value: an encrypted guest is not ready until it says so.</summary>
    /// <param name="mode">The machine's mode.</param>
    /// <param name="tracker">The map; it carries the guest's word, once the guest has given it.</param>
    public MigrationControl(SevMode mode, SharedRegionTracker tracker)
    {
        _tracker = tracker;
        _value = mode == SevMode.None ? ReadyBit : 0;
    }

    /// <summary>Whether the guest itself says now that it can be migrated; the register's start value says nothing.</summary>
    public bool IsReady
    {
        get
        {
            lock (_lock)
            {
                return _isReady;
            }
        }
    }

    /// <summary>Whether the guest itself has ever said so.</summary>
    public bool WasReported
    {
        get
        {
            lock (_lock)
            {
                return _wasReady;
            }
        }
    }

    /// <summary>The register.</summary>
    public ulong Value
    {
        get
        {
            lock (_lock)
            {
                return _value;
            }
        }
    }

    /// <summary>Takes a guest's write.</summary>
    /// <param name="value">Bit 0: ready; all other bits must be zero.</param>
    /// <returns>False when a reserved bit is set: the guest gets #GP and the register keeps its value.</returns>
    public bool TryWrite(ulong value)
    {
        if ((value & ~ReadyBit) != 0)
        {
            return false;
        }

        lock (_lock)
        {
            _value = value;
            _isReady = value == ReadyBit;
            _wasReady |= _isReady;
            _tracker.MigrationReady = _isReady;
        }

        return true;
    }
}
