using System.Runtime.Intrinsics.X86;
using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;

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

    /// <summary>SNP_PLATFORM_STATUS.</summary>
    /// <exception cref="SevCommandFailedException">The kernel has no such command, or SNP is not initialised.</exception>
    public SnpPlatformStatus GetSnpStatus()
    {
        SevUserDataSnpStatus status = default;
        Issue(PlatformCommandId.SnpPlatformStatus, ref status);

        // The kernel hands the eight bytes on as they are; how they are laid out depends on the processor.
        TcbLayout layout = SnpProducts.GetTcbLayout(ReadProcessorFamily());
        return new SnpPlatformStatus(
            new SnpFirmwareVersion(status.ApiMajor, status.ApiMinor, checked((byte)Math.Min(status.BuildId, byte.MaxValue))),
            IsInitialized: status.State != 0,
            IsRmpInitialized: (status.RmpFlags & (byte)SnpStatusRmpFlags.IsRmpInitialized) != 0,
            status.GuestCount,
            new TcbVersion(status.CurrentTcbVersion, layout),
            new TcbVersion(status.ReportedTcbVersion, layout));
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

    private static byte ReadProcessorFamily()
    {
        if (!X86Base.IsSupported)
        {
            return 0;
        }

        int signature = X86Base.CpuId(1, 0).Eax;
        int family = (signature >> 8) & 0xF;
        return (byte)(family == 0xF ? family + ((signature >> 20) & 0xFF) : family);
    }

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
