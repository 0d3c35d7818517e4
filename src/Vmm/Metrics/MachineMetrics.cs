using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Vmm.Metrics;

/// <summary>What is worth watching of a machine.</summary>
public static class MachineMetrics
{
    /// <summary>Makes the metrics.</summary>
    /// <param name="status">What the machine has done so far.</param>
    /// <param name="hasEnded">Whether the guest runs no more.</param>
    public static IReadOnlyList<Metric> Of(MachineStatus status, bool hasEnded = false) =>
    [
        Gauge("kvmsev_info", "1, labelled with what protects the guest's memory.", One(1, ("mode", SevModeWords.WordFor(status.Mode)))),
        Gauge(
            "kvmsev_running",
            "1 while the guest runs, 0 while it stands still and when it has ended.",
            One(status.IsPaused || hasEnded ? 0UL : 1)),
        Gauge("kvmsev_guest_memory_bytes", "The guest's memory.", One(status.GuestMemoryBytes)),
        Gauge(
            "kvmsev_pages",
            "4 KiB pages of the guest's RAM by state.",
            [
                new(status.Pages.PrivatePages, ("state", "private")),
                new(status.Pages.SharedPages, ("state", "shared")),
                new(status.Pages.UnreportedPages, ("state", "unreported")),
            ]),
        Counter("kvmsev_map_generation_total", "Accepted calls that the map knows of.", One(status.Generation)),
        Counter(
            "kvmsev_hypercalls_total",
            "Page-state hypercalls of the guest.",
            [
                new(status.Hypercalls.Accepted, ("result", "accepted")),
                new(status.Hypercalls.Rejected, ("result", "rejected")),
            ]),
        Gauge("kvmsev_migration_ready", "1 while the guest says that it can be migrated.", One(status.IsMigrationReady ? 1UL : 0)),
        Counter(
            "kvmsev_exits_total",
            "Exits from KVM_RUN.",
            [
                .. status.Vcpus.SelectMany(static vcpu => vcpu.ExitsByKind
                    .OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                    .Select(pair => new MetricSample(pair.Value, ("vcpu", $"{vcpu.Index}"), ("kind", pair.Key)))),
            ]),
        Counter(
            "kvmsev_unclaimed_accesses_total",
            "Accesses of the guest that no device answers.",
            [
                new(status.UnclaimedPortAccesses, ("space", "port")),
                new(status.UnclaimedMmioAccesses, ("space", "mmio")),
            ]),
        PerDevice("kvmsev_device_requests_total", "Chains of buffers that the device answered.", status, static d => d.Requests),
        PerDevice("kvmsev_device_interrupts_total", "Interrupts that the device raised.", status, static d => d.Interrupts),
        PerDevice("kvmsev_device_sent_bytes_total", "Bytes from the host to the guest.", status, static d => d.BytesToGuest),
        PerDevice("kvmsev_device_received_bytes_total", "Bytes from the guest to the host.", status, static d => d.BytesFromGuest),
        PerDevice("kvmsev_device_host_errors_total", "Requests that failed on the host's side.", status, static d => d.HostErrors),
        PerDevice("kvmsev_device_guard_violations_total", "Memory that the guard refused.", status, static d => d.GuardViolations),
        PerDevice("kvmsev_device_protocol_errors_total", "Other mistakes of the guest's driver.", status, static d => d.ProtocolErrors),
        PerDevice("kvmsev_device_resets_total", "Resets by the guest's driver.", status, static d => d.Resets),
    ];

    private static Metric Gauge(string name, string help, IReadOnlyList<MetricSample> samples) => new(name, help, false, samples);

    private static Metric Counter(string name, string help, IReadOnlyList<MetricSample> samples) => new(name, help, true, samples);

    private static IReadOnlyList<MetricSample> One(ulong value, params IReadOnlyList<(string Name, string Value)> labels) =>
        [new(value, labels)];

    private static Metric PerDevice(string name, string help, MachineStatus status, Func<VirtioDeviceReport, long> read) => Counter(
        name,
        help,
        [
            .. status.Devices.Select(
                device => new MetricSample((ulong)read(device), ("device", device.Name), ("type", device.Type))),
        ]);
}
