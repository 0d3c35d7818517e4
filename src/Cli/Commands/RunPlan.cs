using System.Globalization;
using System.Text.Json;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Commands;

/// <summary>What <c>run --dry-run</c> prints: everything that was decided, as JSON, schema <c>kvmsev.plan/1</c>.</summary>
internal sealed record RunPlan(
    string Schema,
    RunPlan.BootPart Boot,
    ulong MemoryBytes,
    int Cpus,
    RunPlan.SevPart Sev,
    RunPlan.HypercallPart Hypercalls,
    string UnknownMsrs,
    string? DebugExitPort,
    string? Until,
    double? TimeoutSeconds,
    RunPlan.SerialPart Serial,
    RunPlan.SerialPart Console,
    RunPlan.DevicePart Devices,
    RunPlan.OutputPart Outputs,
    string Kvm)
{
    /// <summary>Describes a configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="serial">Where the serial port goes.</param>
    /// <param name="console">Where the virtio console goes.</param>
    /// <param name="options">The output files.</param>
    internal static RunPlan For(VmConfig config, SerialTarget serial, SerialTarget console, RunOptions options) => new(
        "kvmsev.plan/1",
        new BootPart(config.Boot.KernelPath, config.Boot.InitramfsPath, config.Boot.CommandLine, config.Boot.FirmwarePath),
        config.MemoryBytes,
        config.VcpuCount,
        new SevPart(
            SevModeWords.WordFor(config.Sev.Mode),
            SevModeWords.ProtectionFor(config.Sev.Mode),
            config.Sev.CBitPosition,
            LaunchOf(config.Sev)),
        new HypercallPart(
            config.HypercallAbi == HypercallAbi.PageEncStatus ? "page-enc-status" : "map-gpa-range",
            config.ExitHypercalls is ulong mask ? Hex(mask) : null,
            KvmFeatureValue.NamesOf(config.HiddenKvmFeatures),
            config.EnforcePvFeatures),
        config.UnknownMsrs == UnknownMsrPolicy.Ignore ? "ignore" : "gp",
        config.DebugExitPort is ushort port ? Hex(port) : null,
        config.Until,
        config.Timeout?.TotalSeconds,
        new SerialPart(serial.Kind.ToString().ToLowerInvariant(), serial.Path),
        new SerialPart(console.Kind.ToString().ToLowerInvariant(), console.Path),
        new DevicePart(
            [.. config.Disks.Select(static disk => new DiskPart(disk.Path, disk.IsReadOnly, disk.QueueCount))],
            [.. config.NetworkCards.Select(static card => new NetPart(card.Tap, card.SocketPath))],
            config.Vsock is { } vsock ? new VsockPart(vsock.Cid, vsock.SocketPath) : null,
            config.HasRng),
        new OutputPart(options.MapOut, options.EventLog, options.Result, options.LogFile, options.MetricsFile),
        config.KvmPath);

    /// <summary>Writes the document and a line end.</summary>
    /// <param name="output">Takes UTF-8 text.</param>
    internal void Write(Stream output)
    {
        output.Write(JsonSerializer.SerializeToUtf8Bytes(this, CliJsonContext.Readable.RunPlan));
        output.Write("\n"u8);
    }

    // Reads the owner's files, so that a mistake in them is found without a guest.
    private static LaunchPart? LaunchOf(SevConfig sev)
    {
        if (sev.Mode == SevMode.None)
        {
            return null;
        }

        if (sev.Kind == SevGuestKind.SevSnp)
        {
            SnpLaunchInput snp = SnpLaunchInput.Read(sev);
            return new LaunchPart(
                "sev-snp",
                snp.Start.Policy.ToString(),
                snp.Start.Policy.Describe(),
                !snp.Finish.IdBlock.IsEmpty,
                "off",
                sev.Mode == SevMode.Simulated ? null : sev.DevicePath,
                sev.ModelDirectory);
        }

        LaunchStartRequest start = SevLaunchInput.Read(sev).Start;
        return new LaunchPart(
            sev.Kind == SevGuestKind.SevEs ? "sev-es" : "sev",
            start.Policy.ToString(),
            start.Policy.Describe(),
            !start.Session.IsEmpty,
            sev.InitInterface switch { SevInitInterface.Legacy => "on", SevInitInterface.Init2 => "off", _ => "auto" },
            sev.Mode == SevMode.Simulated ? null : sev.DevicePath,
            sev.ModelDirectory);
    }

    private static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>What to boot.</summary>
    internal sealed record BootPart(string? Kernel, string? Initramfs, string Cmdline, string? Firmware);

    /// <summary>Memory encryption.</summary>
    internal sealed record SevPart(string Mode, string Protection, int? CBit, LaunchPart? Launch);

    /// <summary>The launch; the device is the hardware's, the model's directory the simulated mode's.</summary>
    internal sealed record LaunchPart(
        string Kind,
        string Policy,
        IReadOnlyList<string> PolicyMeans,
        bool HasOwner,
        string LegacyVmType,
        string? Device,
        string? Model);

    /// <summary>The paravirtual interface; a null mask is "what the mode needs".</summary>
    internal sealed record HypercallPart(string Abi, string? ExitMask, IReadOnlyList<string> HiddenKvmFeatures, bool EnforcePvFeatures);

    /// <summary>The first serial port, or the virtio console.</summary>
    internal sealed record SerialPart(string Target, string? Path);

    /// <summary>The virtio devices.</summary>
    internal sealed record DevicePart(IReadOnlyList<DiskPart> Disks, IReadOnlyList<NetPart> Net, VsockPart? Vsock, bool Rng);

    /// <summary>One disk.</summary>
    internal sealed record DiskPart(string Path, bool ReadOnly, int Queues);

    /// <summary>The socket device.</summary>
    internal sealed record VsockPart(uint Cid, string Socket);

    /// <summary>One network card.</summary>
    internal sealed record NetPart(string? Tap, string? Socket);

    /// <summary>Files that will be written.</summary>
    internal sealed record OutputPart(string? Map, string? EventLog, string? Result, string? Log, string? Metrics);
}
