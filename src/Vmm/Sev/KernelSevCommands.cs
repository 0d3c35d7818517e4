using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The SEV and SEV-ES commands as the kernel takes them: KVM_MEMORY_ENCRYPT_OP with a zeroed structure each.</summary>
/// <remarks>Source: Linux, arch/x86/kvm/svm/sev.c and the kernel header asm/kvm.h.</remarks>
public sealed class KernelSevCommands : ISevCommands, IDisposable
{
    private readonly ISevKernel _kernel;
    private readonly bool _hasInit2;
    private readonly CommandStaging _staging = new();

    /// <summary>Makes the commands of one VM.</summary>
    /// <param name="kernel">The VM and the firmware's device.</param>
    /// <param name="hasInit2">True for a VM of type SEV or SEV-ES, false for one of type DEFAULT.</param>
    internal KernelSevCommands(ISevKernel kernel, bool hasInit2)
    {
        _kernel = kernel;
        _hasInit2 = hasInit2;
    }

    /// <summary>Makes the commands of one VM.</summary>
    /// <param name="vm">The VM; stays the caller's.</param>
    /// <param name="device">/dev/sev; stays the caller's, and open as long as the VM.</param>
    public static KernelSevCommands Create(KvmVm vm, SevDevice device) => new(new KvmSevKernel(vm, device), vm.Type != KvmVmType.Default);

    /// <inheritdoc/>
    public void Initialize(SevGuestKind kind)
    {
        if (!_hasInit2)
        {
            Issue(kind == SevGuestKind.SevEs ? SevCommandId.EsInit : SevCommandId.Init);
            return;
        }

        // All zero: no optional VMSA feature, so that the measured save area is the same on every host, and the kernel's GHCB version.
        KvmSevInit init = default;
        Issue(SevCommandId.Init2, ref init);
    }

    /// <inheritdoc/>
    public void RegisterRegion(in GuestMemoryRegion region)
    {
        try
        {
            _kernel.RegisterRegion(region.HostAddress, region.Length);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    /// <inheritdoc/>
    public void UnregisterRegion(in GuestMemoryRegion region)
    {
        try
        {
            _kernel.UnregisterRegion(region.HostAddress, region.Length);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    /// <inheritdoc/>
    public uint LaunchStart(in LaunchStartRequest request)
    {
        KvmSevLaunchStart start = new()
        {
            Policy = request.Policy.Value,
            DhUaddr = _staging.Add(request.OwnerCertificate.Span),
            DhLen = (uint)request.OwnerCertificate.Length,
            SessionUaddr = _staging.Add(request.Session.Span),
            SessionLen = (uint)request.Session.Length,
        };
        Issue(SevCommandId.LaunchStart, ref start);
        return start.Handle;
    }

    /// <inheritdoc/>
    public void LaunchUpdateData(in GuestPiece piece)
    {
        KvmSevLaunchUpdateData update = new() { Uaddr = piece.HostAddress, Len = (uint)piece.Length };
        Issue(SevCommandId.LaunchUpdateData, ref update);
    }

    /// <inheritdoc/>
    public void LaunchUpdateVmsa() => Issue(SevCommandId.LaunchUpdateVmsa);

    /// <inheritdoc/>
    public LaunchMeasurement LaunchMeasure()
    {
        KvmSevLaunchMeasure measure = default;
        QueryLength(SevCommandId.LaunchMeasure, ref measure);
        CheckLength("KVM_SEV_LAUNCH_MEASURE", measure.Len, LaunchMeasurement.Size);
        try
        {
            measure.Uaddr = _staging.Reserve(LaunchMeasurement.Size, out Span<byte> blob);
            _kernel.Issue(SevCommandId.LaunchMeasure, ref measure);
            return LaunchMeasurement.Parse(blob, "KVM_SEV_LAUNCH_MEASURE");
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public void InjectSecret(TransportPacket packet, in GuestPiece target)
    {
        KvmSevLaunchSecret secret = new()
        {
            HdrUaddr = _staging.Add(packet.Header),
            HdrLen = (uint)packet.Header.Length,
            GuestUaddr = target.HostAddress,
            GuestLen = (uint)target.Length,
            TransUaddr = _staging.Add(packet.Data),
            TransLen = (uint)packet.Data.Length,
        };
        Issue(SevCommandId.LaunchSecret, ref secret);
    }

    /// <inheritdoc/>
    public void LaunchFinish() => Issue(SevCommandId.LaunchFinish);

    /// <inheritdoc/>
    public SevGuestStatus GetGuestStatus()
    {
        KvmSevGuestStatus status = default;
        Issue(SevCommandId.GuestStatus, ref status);
        return new SevGuestStatus(status.Handle, new SevPolicy(status.Policy), (SevGuestState)status.State);
    }

    /// <inheritdoc/>
    public byte[] GetAttestationReport(ReadOnlySpan<byte> nonce)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(nonce.Length, Bytes16.Length);
        KvmSevAttestationReport report = default;
        nonce.CopyTo(report.Mnonce);
        QueryLength(SevCommandId.GetAttestationReport, ref report);
        try
        {
            report.Uaddr = _staging.Reserve(checked((int)report.Len), out Span<byte> blob);
            _kernel.Issue(SevCommandId.GetAttestationReport, ref report);
            return blob.ToArray();
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public void DebugDecrypt(in GuestPiece source, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, source.Length);
        try
        {
            ulong address = _staging.Reserve(destination.Length, out Span<byte> plain);
            KvmSevDbg debug = new() { SrcUaddr = source.HostAddress, DstUaddr = address, Len = (uint)destination.Length };
            _kernel.Issue(SevCommandId.DbgDecrypt, ref debug);
            plain.CopyTo(destination);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public void DebugEncrypt(ReadOnlySpan<byte> source, in GuestPiece destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, source.Length);
        KvmSevDbg debug = new() { SrcUaddr = _staging.Add(source), DstUaddr = destination.HostAddress, Len = (uint)source.Length };
        Issue(SevCommandId.DbgEncrypt, ref debug);
    }

    /// <inheritdoc/>
    public SendStartResult SendStart(in SendStartRequest request)
    {
        KvmSevSendStart query = default;
        QueryLength(SevCommandId.SendStart, ref query);
        try
        {
            KvmSevSendStart start = new()
            {
                PdhCertUaddr = _staging.Add(request.TargetPdh.Span),
                PdhCertLen = (uint)request.TargetPdh.Length,
                PlatCertsUaddr = _staging.Add(request.PlatformChain.Span),
                PlatCertsLen = (uint)request.PlatformChain.Length,
                AmdCertsUaddr = _staging.Add(request.AmdChain.Span),
                AmdCertsLen = (uint)request.AmdChain.Length,
                SessionLen = query.SessionLen,
            };
            start.SessionUaddr = _staging.Reserve(checked((int)query.SessionLen), out Span<byte> session);
            _kernel.Issue(SevCommandId.SendStart, ref start);
            return new SendStartResult(new SevPolicy(start.Policy), session.ToArray());
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public TransportPacket SendUpdateData(in GuestPiece source)
    {
        try
        {
            KvmSevSendUpdateData send = new()
            {
                HdrUaddr = _staging.Reserve(TransportPacket.HeaderSize, out Span<byte> header),
                HdrLen = TransportPacket.HeaderSize,
                GuestUaddr = source.HostAddress,
                GuestLen = (uint)source.Length,
                TransUaddr = _staging.Reserve(source.Length, out Span<byte> data),
                TransLen = (uint)source.Length,
            };
            _kernel.Issue(SevCommandId.SendUpdateData, ref send);
            return TransportPacket.Parse(header, data, "KVM_SEV_SEND_UPDATE_DATA");
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
        finally
        {
            _staging.Clear();
        }
    }

    /// <inheritdoc/>
    public void SendFinish() => Issue(SevCommandId.SendFinish);

    /// <inheritdoc/>
    public void SendCancel() => Issue(SevCommandId.SendCancel);

    /// <inheritdoc/>
    public uint ReceiveStart(in ReceiveStartRequest request)
    {
        KvmSevReceiveStart start = new()
        {
            Policy = request.Policy.Value,
            PdhUaddr = _staging.Add(request.SourcePdh.Span),
            PdhLen = (uint)request.SourcePdh.Length,
            SessionUaddr = _staging.Add(request.Session.Span),
            SessionLen = (uint)request.Session.Length,
        };
        Issue(SevCommandId.ReceiveStart, ref start);
        return start.Handle;
    }

    /// <inheritdoc/>
    public void ReceiveUpdateData(TransportPacket packet, in GuestPiece target)
    {
        KvmSevReceiveUpdateData receive = new()
        {
            HdrUaddr = _staging.Add(packet.Header),
            HdrLen = (uint)packet.Header.Length,
            GuestUaddr = target.HostAddress,
            GuestLen = (uint)target.Length,
            TransUaddr = _staging.Add(packet.Data),
            TransLen = (uint)packet.Data.Length,
        };
        Issue(SevCommandId.ReceiveUpdateData, ref receive);
    }

    /// <inheritdoc/>
    public void ReceiveFinish() => Issue(SevCommandId.ReceiveFinish);

    /// <inheritdoc/>
    public void Dispose() => _staging.Dispose();

    private static void CheckLength(string call, uint length, int expected)
    {
        if (length != expected)
        {
            throw new SevCommandFailedException(
                call,
                null,
                $"{call} failed: the firmware gives {length} bytes, not {expected}.",
                "This firmware is not one that kvmsev knows.");
        }
    }

    /// <summary>Asks for the length of an answer: the firmware refuses the empty buffer and says what it needs.</summary>
    private void QueryLength<T>(SevCommandId id, ref T payload)
        where T : unmanaged
    {
        try
        {
            _kernel.Issue(id, ref payload);
        }
        catch (SevCommandException answer) when (answer.FirmwareStatus == SevFirmwareStatus.InvalidLen)
        {
            // The expected answer; the length stands in the structure.
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    private void Issue(SevCommandId id)
    {
        try
        {
            _kernel.Issue(id);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    private void Issue<T>(SevCommandId id, ref T payload)
        where T : unmanaged
    {
        try
        {
            _kernel.Issue(id, ref payload);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
        finally
        {
            _staging.Clear();
        }
    }
}
