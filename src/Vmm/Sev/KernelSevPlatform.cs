using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The platform commands as the kernel takes them: SEV_ISSUE_CMD on /dev/sev.</summary>
/// <remarks>Source: Linux, drivers/crypto/ccp/sev-dev.c and the kernel header linux/psp-sev.h.</remarks>
public sealed class KernelSevPlatform : ISevPlatform, IDisposable
{
    private readonly SevDevice _device;
    private readonly CommandStaging _staging = new();

    /// <summary>Makes the commands of this machine's platform.</summary>
    /// <param name="device">/dev/sev; stays the caller's.</param>
    public KernelSevPlatform(SevDevice device)
    {
        _device = device;
    }

    /// <inheritdoc/>
    public SevPlatformStatus GetStatus()
    {
        SevUserDataStatus status = default;
        Issue(PlatformCommandId.PlatformStatus, ref status);
        return new SevPlatformStatus(
            new SevFirmwareVersion(status.ApiMajor, status.ApiMinor, status.Build),
            (SevPlatformState)status.State,
            IsExternallyOwned: (status.Flags & 1) != 0,
            IsEsEnabled: (status.Flags & (uint)SevStatusFlags.ConfigEs) != 0,
            status.GuestCount);
    }

    /// <inheritdoc/>
    public PdhExport ExportPdh()
    {
        SevUserDataPdhCertExport export = default;
        QueryLength(PlatformCommandId.PdhCertExport, ref export);
        try
        {
            export.PdhCertAddress = _staging.Reserve(checked((int)export.PdhCertLen), out Span<byte> pdh);
            export.CertChainAddress = _staging.Reserve(checked((int)export.CertChainLen), out Span<byte> chain);
            Issue(PlatformCommandId.PdhCertExport, ref export);
            return new PdhExport(pdh.ToArray(), chain.ToArray());
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public byte[] GetId()
    {
        SevUserDataGetId2 id = default;
        QueryLength(PlatformCommandId.GetId2, ref id);
        try
        {
            id.Address = _staging.Reserve(checked((int)id.Length), out Span<byte> bytes);
            Issue(PlatformCommandId.GetId2, ref id);
            return bytes.ToArray();
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public byte[] RequestPekSignature()
    {
        SevUserDataPekCsr request = default;
        QueryLength(PlatformCommandId.PekCsr, ref request);
        try
        {
            request.Address = _staging.Reserve(checked((int)request.Length), out Span<byte> bytes);
            Issue(PlatformCommandId.PekCsr, ref request);
            return bytes.ToArray();
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public void ImportPek(ReadOnlySpan<byte> pek, ReadOnlySpan<byte> oca)
    {
        try
        {
            SevUserDataPekCertImport import = new()
            {
                PekCertAddress = _staging.Add(pek),
                PekCertLen = (uint)pek.Length,
                OcaCertAddress = _staging.Add(oca),
                OcaCertLen = (uint)oca.Length,
            };
            Issue(PlatformCommandId.PekCertImport, ref import);
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public void GeneratePek() => Issue(PlatformCommandId.PekGen);

    /// <inheritdoc/>
    public void GeneratePdh() => Issue(PlatformCommandId.PdhGen);

    /// <inheritdoc/>
    public void FactoryReset() => Issue(PlatformCommandId.FactoryReset);

    /// <inheritdoc/>
    public void Dispose() => _staging.Dispose();

    private void QueryLength<T>(PlatformCommandId id, ref T payload)
        where T : unmanaged
    {
        try
        {
            _device.Issue(id, ref payload);
        }
        catch (SevCommandException answer) when (answer.FirmwareStatus == SevFirmwareStatus.InvalidLen)
        {
            // The expected answer; the lengths stand in the structure.
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    private void Issue(PlatformCommandId id)
    {
        try
        {
            _device.Issue(id);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    private void Issue<T>(PlatformCommandId id, ref T payload)
        where T : unmanaged
    {
        try
        {
            _device.Issue(id, ref payload);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }
}
