using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Serilog;
using Serilog.Core;

namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>One device on a test bench: memory between canaries, a tracker, a transport, and a driver that plays the guest.</summary>
internal sealed class VirtioBench : IDisposable
{
    internal const ulong MemoryBytes = 8UL << 20;

    private readonly GuardedMemory _memory;
    private readonly EventLoop _loop = new("virtio-test");
    private readonly Logger _log;

    /// <param name="device">The device; disposed with the bench when it can be.</param>
    /// <param name="isEncrypted">Whether pages can be private; then everything is unreported at first.</param>
    /// <param name="layout">The machine's RAM; null for <see cref="MemoryBytes"/> from address 0.</param>
    internal VirtioBench(VirtioDevice device, bool isEncrypted = false, GuestLayout? layout = null)
    {
        _memory = new GuardedMemory(layout ?? GuestLayout.Create(MemoryBytes, 40));
        Tracker = new SharedRegionTracker(Memory.Layout.RamRanges);
        _log = new LoggerConfiguration().WriteTo.Sink(new LineSink(LogLines)).CreateLogger();
        Guard = new SharedMemoryGuard(Memory, isEncrypted ? Tracker : null);
        Device = device;
        Transport = new VirtioMmioTransport(device, Memory, Guard, Interrupt, _loop, new BoundedLog(_log));
        Driver = new VirtioDriver(Transport, Memory);
    }

    internal VirtioDevice Device { get; }

    internal GuestMemory Memory => _memory.Memory;

    internal SharedRegionTracker Tracker { get; }

    internal SharedMemoryGuard Guard { get; }

    internal VirtioMmioTransport Transport { get; }

    internal VirtioDriver Driver { get; }

    internal RecordingPulse Interrupt { get; } = new();

    /// <summary>What the device logged.</summary>
    internal List<string> LogLines { get; } = [];

    internal bool IsMemoryIntact => _memory.IsIntact;

    /// <summary>Turns the device's thread on; without it the tests process queues themselves.</summary>
    internal void StartLoop() => _loop.Start();

    internal void Share(ulong start, ulong length) => Tracker.Set(new GpaRange(new Gpa(start), length), PageState.Shared, 0);

    internal void MakePrivate(ulong start, ulong length) => Tracker.Set(new GpaRange(new Gpa(start), length), PageState.Private, 0);

    public void Dispose()
    {
        _loop.End();
        Transport.Dispose();
        (Device as IDisposable)?.Dispose();
        _loop.Dispose();
        Interrupt.Dispose();
        _log.Dispose();
        _memory.Dispose();
    }
}
