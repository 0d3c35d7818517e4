using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Vcpus;
using Serilog;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// SEV's part in building a guest, on hardware and simulated: the steps that <see cref="VirtualMachineBuilder"/> calls in their places.
/// </summary>
internal sealed class GuestLaunch
{
    private readonly SevMode _mode;
    private readonly SevLaunchInput? _input;
    private readonly SnpLaunchInput? _snpInput;
    private readonly ISevBackend _backend;
    private readonly SevPlatformStatus _platform;
    private readonly OwnedResources _owned;
    private readonly ILogger _log;
    private ISevCommands? _commands;
    private ISnpCommands? _snpCommands;
    private IReadOnlyList<byte[]> _saveAreas = [];

    private GuestLaunch(
        SevMode mode,
        SevLaunchInput? input,
        SnpLaunchInput? snpInput,
        ISevBackend backend,
        SevPlatformStatus platform,
        OwnedResources owned,
        ILogger log)
    {
        _mode = mode;
        _input = input;
        _snpInput = snpInput;
        _backend = backend;
        _platform = platform;
        _owned = owned;
        _log = log;
    }

    /// <summary>The type of the VM.</summary>
    internal KvmVmType VmType => _backend.VmType;

    /// <summary>Whether this is a SEV-SNP guest, which <see cref="RunSnp"/> launches; <see cref="Run"/> launches the others.</summary>
    internal bool IsSnp => _snpInput is not null;

    /// <summary>The guest's C-bit.</summary>
    internal int CBitPosition => _backend.CBitPosition;

    /// <summary>Leaf 0x8000001F for the guest.</summary>
    internal MemoryEncryptionLeaf Leaf => _backend.Leaf;

    /// <summary>Reads the owner's files and opens the platform; for a guest without SEV there is nothing to do.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="owned">Takes what is opened.</param>
    /// <param name="log">The monitor's log.</param>
    /// <returns>Null for an ordinary guest.</returns>
    internal static GuestLaunch? TryOpen(
        SevConfig config, KvmDevice kvm, ReadOnlySpan<KvmCpuidEntry2> supported, OwnedResources owned, ILogger log)
    {
        if (config.Mode == SevMode.None)
        {
            return null;
        }

        // The launch is hashed along with the firmware; better to lack a library now than with a guest half launched.
        CryptoSupport.EnsureAvailable();
        bool isSnp = config.Kind == SevGuestKind.SevSnp;
        SevLaunchInput? input = isSnp ? null : SevLaunchInput.Read(config);
        SnpLaunchInput? snpInput = isSnp ? SnpLaunchInput.Read(config) : null;
        ISevBackend backend = config.Mode == SevMode.Simulated
            ? ModelSevBackend.Open(config, supported, owned)
            : KernelSevBackend.Open(config, kvm, supported, owned);
        SevPlatformStatus platform = CheckPlatform(config, input, backend, log);
        return new GuestLaunch(config.Mode, input, snpInput, backend, platform, owned, log);
    }

    /// <summary>Tells the owner of the platform.</summary>
    /// <param name="watcher">Who is told.</param>
    internal void Introduce(LaunchWatcher watcher) =>
        watcher.Owner?.Meet(new GuestPlatform(_backend.Platform, _backend.CBitPosition, _backend.Leaf.ReducedPhysicalBits));

    /// <summary>Makes the VM a SEV guest, before it has a vCPU.</summary>
    /// <param name="vm">The VM, of type <see cref="VmType"/>.</param>
    internal void Initialize(KvmVm vm)
    {
        if (_input is null)
        {
            _snpCommands = _backend.CreateSnpCommands(vm, () => _saveAreas, _owned);
            _snpCommands.Initialize();
            return;
        }

        _commands = _backend.CreateCommands(vm, () => _saveAreas, _owned);
        _commands.Initialize(_input.Kind);
    }

    /// <summary>Launches the guest: its vCPUs have their final registers, its image is loaded.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="image">What is loaded in it.</param>
    /// <param name="registers">What the vCPUs start with, in their order.</param>
    /// <param name="cpuSignature">Leaf 1 EAX of the guest's CPUID.</param>
    /// <param name="watcher">Who is told of the measurement and decides about it.</param>
    internal SevLaunchResult Run(
        GuestMemory memory, LoadedImage image, IReadOnlyList<InitialRegisters> registers, uint cpuSignature, LaunchWatcher watcher)
    {
        ISevCommands commands = _commands ?? throw new InvalidOperationException("The launch comes after Initialize.");
        SevLaunchInput input = _input!;
        _saveAreas = input.Kind == SevGuestKind.SevEs ? SaveAreas.Create(registers, _backend.InitInterface) : [];
        SevLaunch launch = _owned.Add(new SevLaunch(commands, input, _log)
        {
            IsSimulated = _backend.IsSimulated,
            Firmware = _platform.Firmware,
            HashesPieces = watcher.TakeBundle is not null,
        });
        MeasuredLaunch measured = launch.Measure(memory, new LaunchContent(image.Measured, _saveAreas, image.SecretArea));

        // Before the owner is asked: it holds what the owner decides by.
        watcher.TakeBundle?.Invoke(CreateBundle(measured, memory.Layout, image, registers.Count, cpuSignature));
        watcher.Owner?.Approve(measured);
        launch.Finish();
        return measured.Result;
    }

    /// <summary>Launches a SEV-SNP guest: its vCPUs have their final registers, its firmware is loaded.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="firmware">What is loaded in it.</param>
    /// <param name="cpuid">The first vCPU's CPUID.</param>
    /// <param name="registers">What the vCPUs start with, in their order.</param>
    /// <param name="watcher">Who is told of it.</param>
    internal SnpLaunchResult RunSnp(
        GuestMemory memory,
        GuestFirmware firmware,
        ReadOnlySpan<KvmCpuidEntry2> cpuid,
        IReadOnlyList<InitialRegisters> registers,
        LaunchWatcher watcher)
    {
        ISnpCommands commands = _snpCommands ?? throw new InvalidOperationException("The launch comes after Initialize.");
        _saveAreas = SaveAreas.Create(registers, SevInitInterface.Init2, VmsaProfiles.SnpActive);
        SnpLaunch launch = new(commands, _snpInput!, _log) { HashesPieces = watcher.TakeSnpBundle is not null };
        SnpLaunchResult result = launch.Run(memory, firmware, cpuid, _saveAreas);
        watcher.TakeSnpBundle?.Invoke(CreateBundle(result, firmware, cpuid));
        watcher.Owner?.Learn(result, _platform.Firmware);
        return result;
    }

    private SnpLaunchBundle CreateBundle(SnpLaunchResult result, GuestFirmware firmware, ReadOnlySpan<KvmCpuidEntry2> cpuid) => new()
    {
        Mode = _mode,
        IsSimulated = _backend.IsSimulated,
        Firmware = _platform.Firmware,
        CpuSignature = CpuidPolicy.GetSignature(cpuid),
        SevFeatures = VmsaProfiles.SnpActive,
        Launch = result,
        Finish = _snpInput!.Finish,
        SaveAreas = _saveAreas,
        Hashes = firmware.Hashes,
        HashTableGpa = firmware.Hashes is null ? 0 : SevHashTable.GetGpa(firmware.Image),
    };

    private LaunchBundle CreateBundle(
        MeasuredLaunch measured, GuestLayout layout, LoadedImage image, int vcpuCount, uint cpuSignature) => new()
        {
            Mode = _mode,
            IsSimulated = measured.IsSimulated,
            Kind = measured.Kind,
            InitInterface = _backend.InitInterface,
            Firmware = measured.Firmware,
            CBitPosition = CBitPosition,
            MemoryBytes = layout.MemoryBytes,
            VcpuCount = vcpuCount,
            CpuSignature = cpuSignature,
            Launch = measured.Result,
            SaveAreas = _saveAreas,
            SecretArea = image.SecretArea,
            Platform = ExportPlatform(),
        };

    /// <summary>The platform's certificates; a platform that does not give them is no reason to end a launch.</summary>
    private PlatformCertificates? ExportPlatform()
    {
        try
        {
            return _backend.ExportCertificates();
        }
        catch (SevCommandFailedException refused)
        {
            _log.Warning("The launch bundle has no platform certificates: {Problem}", refused.Message);
            return null;
        }
    }

    private static SevPlatformStatus CheckPlatform(SevConfig config, SevLaunchInput? input, ISevBackend backend, ILogger log)
    {
        SevPlatformStatus status = backend.Platform.GetStatus();
        log.Debug("SEV firmware {Firmware}, state {State}, {GuestCount} guests", status.Firmware, status.State, status.GuestCount);

        // Of SEV-ES only: the flag is the older platform's, which a host of SEV-SNP guests need not have initialised.
        if (config.Kind == SevGuestKind.SevEs && !backend.IsSimulated && !status.IsEsEnabled)
        {
            throw new HostLacksException(
                $"--sev {SevModeWords.WordFor(config.Mode)}: the firmware is not set up for SEV-ES (SEV_PLATFORM_STATUS)",
                "load kvm_amd with sev_es=1, and read what ccp wrote to dmesg");
        }

        if (input is null)
        {
            // The policy of a SEV-SNP guest speaks of another interface's version; SNP_LAUNCH_START judges it.
            return status;
        }

        SevPolicy policy = input.Start.Policy;
        if (!policy.IsMetBy(status.Firmware))
        {
            throw new HostLacksException(
                $"--sev policy {policy} wants SEV API {policy.ApiMajor}.{policy.ApiMinor} or later; this firmware is {status.Firmware}",
                "update the host's SEV firmware, or agree on another policy with the guest's owner");
        }

        return status;
    }
}
