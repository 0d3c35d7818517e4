using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Vmm.Vcpus;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The simulated mode: a C-bit alias stands in for encrypted memory, the software PSP for AMD's firmware.</summary>
internal sealed class ModelSevBackend : ISevBackend
{
    /// <summary>KVM reports a reduction of 0, hardware at least 1; Linux takes it from the address width.</summary>
    private const int ReducedPhysicalBits = 1;

    private readonly SevGuestKind _kind;
    private readonly SoftwarePsp _psp;

    private ModelSevBackend(SevConfig config, SoftwarePsp psp, int cBitPosition)
    {
        _kind = config.Kind;
        _psp = psp;
        CBitPosition = cBitPosition;

        // A new kernel's way, unless the user wants to see the other's save areas.
        InitInterface = config.InitInterface == SevInitInterface.Legacy ? SevInitInterface.Legacy : SevInitInterface.Init2;
    }

    /// <inheritdoc/>
    public bool IsSimulated => true;

    /// <inheritdoc/>
    public ISevPlatform Platform => _psp;

    /// <inheritdoc/>
    public KvmVmType VmType => KvmVmType.Default;

    /// <inheritdoc/>
    public SevInitInterface InitInterface { get; }

    /// <inheritdoc/>
    public int CBitPosition { get; }

    /// <inheritdoc/>
    public MemoryEncryptionLeaf Leaf => new(
        SevHost.FeaturesFor(_kind switch
        {
            SevGuestKind.SevSnp => SevMode.SevSnp,
            SevGuestKind.SevEs => SevMode.SevEs,
            _ => SevMode.Sev,
        }),
        CBitPosition,
        ReducedPhysicalBits);

    /// <summary>Opens the model's platform: the one that a directory keeps, or one that lives as long as the machine.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="supported">KVM_GET_SUPPORTED_CPUID of this host.</param>
    /// <param name="owned">Takes what is opened.</param>
    /// <exception cref="InvalidInputException">The platform is one that scrambles memory.</exception>
    internal static ModelSevBackend Open(SevConfig config, ReadOnlySpan<KvmCpuidEntry2> supported, OwnedResources owned)
    {
        SoftwarePsp psp = owned.Add(config.ModelDirectory is string directory ? SoftwarePsp.Open(directory) : SoftwarePsp.Create());
        if (psp.IsScrambling)
        {
            throw new InvalidInputException(
                "--sev", "model", $"'{config.ModelDirectory}' is a platform that scrambles memory; a simulated guest would find noise");
        }

        // The simulated C-bit is an ordinary address bit, so it must be one that the guest has: the highest, unless the user says
        // otherwise.
        return new ModelSevBackend(config, psp, config.CBitPosition ?? CpuidPolicy.GetPhysicalAddressBits(supported) - 1);
    }

    /// <inheritdoc/>
    public PlatformCertificates ExportCertificates()
    {
        PdhExport export = _psp.ExportPdh();
        return new PlatformCertificates(
            export.Pdh, export.Chain, _psp.ExportSignedCek().Bytes.ToArray(), SoftwarePsp.ExportAuthority().ToBytes());
    }

    /// <inheritdoc/>
    public ISevCommands CreateCommands(KvmVm vm, Func<IReadOnlyList<byte[]>> saveAreas, OwnedResources owned) =>
        owned.Add(_psp.CreateGuest(saveAreas));

    /// <inheritdoc/>
    public ISnpCommands CreateSnpCommands(KvmVm vm, Func<IReadOnlyList<byte[]>> saveAreas, OwnedResources owned) =>
        owned.Add(_psp.CreateSnpGuest(saveAreas));
}
