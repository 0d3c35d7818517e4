using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>SEV hardware: this host's KVM, and AMD's firmware behind /dev/sev.</summary>
internal sealed class KernelSevBackend : ISevBackend
{
    private readonly SevMode _mode;
    private readonly SevHost _host;
    private readonly SevDevice _device;

    private KernelSevBackend(SevConfig config, SevHost host, SevDevice device, KernelSevPlatform platform)
    {
        _mode = config.Mode;
        _host = host;
        _device = device;
        Platform = platform;
        VmType = host.ChooseVmType(config.Mode, config.InitInterface);
    }

    /// <inheritdoc/>
    public bool IsSimulated => false;

    /// <inheritdoc/>
    public ISevPlatform Platform { get; }

    /// <inheritdoc/>
    public KvmVmType VmType { get; }

    /// <inheritdoc/>
    public SevInitInterface InitInterface => VmType == KvmVmType.Default ? SevInitInterface.Legacy : SevInitInterface.Init2;

    /// <inheritdoc/>
    public int CBitPosition => _host.CBitPosition;

    /// <inheritdoc/>
    public MemoryEncryptionLeaf Leaf => new(SevHost.FeaturesFor(_mode), _host.CBitPosition, _host.ReducedPhysicalBits);

    /// <summary>Examines the host and opens the firmware's device.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="kvm">The KVM device.</param>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="owned">Takes what is opened.</param>
    /// <exception cref="HostLacksException">The host has no SEV, or not this kind.</exception>
    internal static KernelSevBackend Open(
        SevConfig config, KvmDevice kvm, ReadOnlySpan<KvmCpuidEntry2> supported, OwnedResources owned)
    {
        SevHost host = SevHost.Require(kvm, supported, config.Mode);
        if (config.CBitPosition is int wanted && wanted != host.CBitPosition)
        {
            throw new InvalidInputException(
                "--sev", "cbitpos", $"{wanted} is not this host's C-bit, which is bit {host.CBitPosition}; leave it out");
        }

        // Before the VM and so closed after it: KVM remembers the number of the descriptor.
        SevDevice device = owned.Add(SevDevice.Open(config.DevicePath));
        return new KernelSevBackend(config, host, device, owned.Add(new KernelSevPlatform(device)));
    }

    /// <inheritdoc/>
    public PlatformCertificates ExportCertificates()
    {
        // The CEK comes unsigned from the firmware; AMD's server has it signed, and the certificates above it.
        PdhExport export = Platform.ExportPdh();
        return new PlatformCertificates(export.Pdh, export.Chain, default, default);
    }

    /// <inheritdoc/>
    public ISevCommands CreateCommands(KvmVm vm, Func<IReadOnlyList<byte[]>> saveAreas, OwnedResources owned) =>
        owned.Add(KernelSevCommands.Create(vm, _device));

    /// <inheritdoc/>
    public ISnpCommands CreateSnpCommands(KvmVm vm, Func<IReadOnlyList<byte[]>> saveAreas, OwnedResources owned) =>
        owned.Add(KernelSnpCommands.Create(vm, _device));
}
