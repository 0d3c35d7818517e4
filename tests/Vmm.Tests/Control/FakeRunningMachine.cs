using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Tests.Control;

/// <summary>A machine of 64 MiB that does what it is told, and counts.</summary>
internal sealed class FakeRunningMachine : IRunningMachine
{
    internal static readonly GuardViolation Violation =
        new("disk0", 0, "buffer", new Gpa(0x5000), "is private since 1.500000 s (call 7, vCPU 0)");

    public SharedRegionTracker SharedRegions { get; init; } = new([new GpaRange(default, 64 << 20)]);

    public bool IsPaused { get; private set; }

    internal int Presses { get; private set; }

    /// <summary>Thrown by <see cref="Pause"/>.</summary>
    internal Exception? PauseFailure { get; init; }

    /// <summary>Called by <see cref="Pause"/>.</summary>
    internal Action? Pausing { get; init; }

    /// <summary>Whether <see cref="Pause"/> has been called.</summary>
    internal bool WasPauseCalled { get; private set; }

    internal IReadOnlyList<VcpuStatus> Vcpus { get; init; } =
    [
        new VcpuStatus(0, 100, new Dictionary<string, ulong> { ["io"] = 7, ["hypercall"] = 2 }),
        new VcpuStatus(1, 101, new Dictionary<string, ulong>()),
    ];

    /// <summary>Disks, disk0 on.</summary>
    internal int DeviceCount { get; init; } = 1;

    public void PressPowerButton() => Presses++;

    public bool Pause()
    {
        WasPauseCalled = true;
        Pausing?.Invoke();
        bool changes = PauseFailure is null ? !IsPaused : throw PauseFailure;
        IsPaused = true;
        return changes;
    }

    public bool Resume()
    {
        bool changes = IsPaused;
        IsPaused = false;
        return changes;
    }

    public SharedRegionMap TakeMap() => SharedRegions.Snapshot().WithLabels(
        [new LabelledRange(new GpaRange(new Gpa(0x5000), 0x1000), new RangeLabel("virtqueue 0 of disk0", LabelCertainty.Exact))]);

    public MachineStatus Observe() => new()
    {
        Mode = SevMode.Simulated,
        IsPaused = IsPaused,
        GuestMemoryBytes = 64 << 20,
        Vcpus = Vcpus,
        Hypercalls = new HypercallCounts { Accepted = 2, RejectedByCause = new Dictionary<string, ulong> { ["no RAM"] = 1 } },
        Pages = SharedRegions.Totals,
        Generation = SharedRegions.Generation,
        UnclaimedPortAccesses = 3,
        UnclaimedMmioAccesses = 0,
        Devices = [.. Enumerable.Range(0, DeviceCount).Select(DescribeDisk)],
        LatestViolations = [.. Enumerable.Range(0, DeviceCount).Select(static index => Violation with { Device = $"disk{index}" })],
        IsMigrationReady = false,
        WasMigrationReady = false,
    };

    private static VirtioDeviceReport DescribeDisk(int index) => new()
    {
        Name = $"disk{index}",
        Type = "block",
        IsInUse = true,
        Requests = 5,
        Interrupts = 4,
        BytesToGuest = 4096,
        BytesFromGuest = 512,
        HostErrors = 0,
        GuardViolations = 1,
        ProtocolErrors = 0,
        RefusedAccesses = 0,
        Resets = 0,
    };
}
