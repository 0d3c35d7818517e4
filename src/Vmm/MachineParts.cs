using System.Collections.Immutable;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;
using KvmSevVmm.Vmm.Sharing.Attribution;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm;

/// <summary>What <see cref="VirtualMachineBuilder"/> has put together.</summary>
internal sealed record MachineParts
{
    /// <summary>The VM.</summary>
    public required KvmVm Vm { get; init; }

    /// <summary>The vCPUs, index by index.</summary>
    public required ImmutableArray<KvmVcpu> Vcpus { get; init; }

    /// <summary>Guest RAM.</summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>Port I/O.</summary>
    public required IoBus Ports { get; init; }

    /// <summary>Memory-mapped I/O.</summary>
    public required IoBus Mmio { get; init; }

    /// <summary>The virtio devices.</summary>
    public required VirtioDeviceSet Virtio { get; init; }

    /// <summary>What has ended a device's thread.</summary>
    public required DeviceFailures DeviceFailures { get; init; }

    /// <summary>Owner of hypercalls.</summary>
    public required MapGpaRangeHandler MapGpaRange { get; init; }

    /// <summary>Owner of MSR exits.</summary>
    public required MsrHandler Msrs { get; init; }

    /// <summary>The guest's word on migration.</summary>
    public required MigrationControl MigrationControl { get; init; }

    /// <summary>The map.</summary>
    public required SharedRegionTracker Tracker { get; init; }

    /// <summary>How the guest's hypercall is meant.</summary>
    public required HypercallAbi HypercallAbi { get; init; }

    /// <summary>What the loader put into RAM.</summary>
    public required ImmutableArray<LabelledRange> LoadedRegions { get; init; }

    /// <summary>Who else knows what ranges are used for, as devices of their rings; told whether the guest stands still.</summary>
    public ImmutableArray<Func<bool, IEnumerable<LabelledRange>>> RegionSources { get; init; } = [];

    /// <summary>What the console said of the guest's memory.</summary>
    public required ConsoleHints ConsoleHints { get; init; }

    /// <summary>What ends the machine.</summary>
    public required StopSignal Stop { get; init; }

    /// <summary>Carries the guest's output.</summary>
    public required ConsoleOutput ConsoleOutput { get; init; }

    /// <summary>Looks for <c>--until</c>, or null.</summary>
    public required ConsoleMatcher? ConsoleMatcher { get; init; }

    /// <summary>The virtio console, or null.</summary>
    public VirtioConsoleParts? VirtioConsole { get; init; }

    /// <summary>Carries the guest's input, or null.</summary>
    public required ConsoleInput? ConsoleInput { get; init; }

    /// <summary>What asks the guest to shut down.</summary>
    public required PowerButton PowerButton { get; init; }

    /// <summary>The event log, or null.</summary>
    public required EventLog? Events { get; init; }

    /// <summary>What protects the guest's memory.</summary>
    public required SevMode Mode { get; init; }

    /// <summary>A simulated SEV guest's local APICs as private mappings reach them, one for each vCPU; empty for other guests.</summary>
    public ImmutableArray<PrivateLocalApic> PrivateApics { get; init; } = [];

    /// <summary>C-bit position, or null.</summary>
    public required int? CBitPosition { get; init; }

    /// <summary>What the launch has come to; null for a guest without one.</summary>
    public required SevLaunchResult? Launch { get; init; }

    /// <summary>The same for a SEV-SNP guest.</summary>
    public required SnpLaunchResult? SnpLaunch { get; init; }

    /// <summary>True for a guest that is launched and measured but never runs.</summary>
    public required bool IsLaunchOnly { get; init; }

    /// <summary>How long the guest may run, or null.</summary>
    public required TimeSpan? Timeout { get; init; }
}
