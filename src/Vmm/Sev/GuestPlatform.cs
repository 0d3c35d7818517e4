using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The platform that a guest is launched on, as its owner may ask for it; by one thread at a time.</summary>
public sealed class GuestPlatform
{
    private readonly ISevPlatform _platform;
    private readonly int _cBitPosition;
    private readonly int _reducedPhysicalBits;

    internal GuestPlatform(ISevPlatform platform, int cBitPosition, int reducedPhysicalBits)
    {
        _platform = platform;
        _cBitPosition = cBitPosition;
        _reducedPhysicalBits = reducedPhysicalBits;
    }

    /// <summary>Asks the firmware for its certificates and identifiers.</summary>
    /// <exception cref="SevCommandFailedException">The firmware refused.</exception>
    public SevCapabilities ReadCapabilities()
    {
        PdhExport export = _platform.ExportPdh();
        return new SevCapabilities(export.Pdh, export.Chain, _platform.GetId(), _cBitPosition, _reducedPhysicalBits);
    }
}
