using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Vcpus;
using Serilog;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// The hardware's part in building a SEV or SEV-ES guest: the steps that <see cref="VirtualMachineBuilder"/> calls in their places.
/// </summary>
internal sealed class SevHardware
{
    private readonly SevConfig _config;
    private readonly SevLaunchInput _input;
    private readonly SevHost _host;
    private readonly SevDevice _device;
    private readonly OwnedResources _owned;
    private readonly ILogger _log;
    private KernelSevCommands? _commands;

    private SevHardware(SevConfig config, SevLaunchInput input, SevHost host, SevDevice device, OwnedResources owned, ILogger log)
    {
        _config = config;
        _input = input;
        _host = host;
        _device = device;
        _owned = owned;
        _log = log;
        VmType = host.ChooseVmType(config.Mode, config.InitInterface);
    }

    /// <summary>The type of the VM.</summary>
    internal KvmVmType VmType { get; }

    /// <summary>The host's C-bit.</summary>
    internal int CBitPosition => _host.CBitPosition;

    /// <summary>Leaf 0x8000001F for the guest.</summary>
    internal MemoryEncryptionLeaf Leaf => new(SevHost.FeaturesFor(_config.Mode), _host.CBitPosition, _host.ReducedPhysicalBits);

    /// <summary>Examines the host and opens the firmware's device; for other modes there is nothing to do.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="owned">Takes what is opened.</param>
    /// <param name="log">The monitor's log.</param>
    /// <returns>Null for a mode that needs no hardware.</returns>
    internal static SevHardware? TryOpen(
        SevConfig config, KvmDevice kvm, ReadOnlySpan<KvmCpuidEntry2> supported, OwnedResources owned, ILogger log)
    {
        if (config.Mode is not (SevMode.Sev or SevMode.SevEs))
        {
            return null;
        }

        // The launch is hashed along with the firmware; better to lack a library now than with a guest half launched.
        CryptoSupport.EnsureAvailable();
        SevLaunchInput input = SevLaunchInput.Read(config);
        SevHost host = SevHost.Require(kvm, supported, config.Mode);
        if (config.CBitPosition is int wanted && wanted != host.CBitPosition)
        {
            throw new InvalidInputException(
                "--sev", "cbitpos", $"{wanted} is not this host's C-bit, which is bit {host.CBitPosition}; leave it out");
        }

        // Before the VM and so closed after it: KVM remembers the number of the descriptor.
        SevDevice device = owned.Add(SevDevice.Open(config.DevicePath));
        CheckPlatform(config, input, device, log);
        return new SevHardware(config, input, host, device, owned, log);
    }

    /// <summary>Makes the VM a SEV guest, before it has a vCPU.</summary>
    /// <param name="vm">The VM, of type <see cref="VmType"/>.</param>
    internal void Initialize(KvmVm vm)
    {
        _commands = _owned.Add(KernelSevCommands.Create(vm, _device));
        _commands.Initialize(_input.Kind);
    }

    /// <summary>Launches the guest: its vCPUs have their final registers, its image is loaded.</summary>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="image">What is loaded in it.</param>
    internal SevLaunchResult Launch(GuestMemory memory, LoadedImage image)
    {
        KernelSevCommands commands = _commands ?? throw new InvalidOperationException("The launch comes after Initialize.");
        SevLaunch launch = _owned.Add(new SevLaunch(commands, _input, _log));
        return launch.Run(memory, image.Measured, owner: null);
    }

    private static void CheckPlatform(SevConfig config, SevLaunchInput input, SevDevice device, ILogger log)
    {
        using KernelSevPlatform platform = new(device);
        SevPlatformStatus status = platform.GetStatus();
        log.Debug("SEV firmware {Firmware}, state {State}, {GuestCount} guests", status.Firmware, status.State, status.GuestCount);
        if (config.Mode == SevMode.SevEs && !status.IsEsEnabled)
        {
            throw new HostLacksException(
                "--sev sev-es: the firmware is not set up for SEV-ES (SEV_PLATFORM_STATUS)",
                "load kvm_amd with sev_es=1, and read what ccp wrote to dmesg");
        }

        SevPolicy policy = input.Start.Policy;
        if (!policy.IsMetBy(status.Firmware))
        {
            throw new HostLacksException(
                $"--sev policy {policy} wants SEV API {policy.ApiMajor}.{policy.ApiMinor} or later; this firmware is {status.Firmware}",
                "update the host's SEV firmware, or agree on another policy with the guest's owner");
        }
    }
}
