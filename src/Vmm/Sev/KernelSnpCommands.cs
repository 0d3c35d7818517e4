using KvmSevVmm.KvmNative;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>The SEV-SNP commands as the kernel takes them: KVM_MEMORY_ENCRYPT_OP with a zeroed structure each.</summary>
/// <remarks>Source: Linux, arch/x86/kvm/svm/sev.c and the kernel header asm/kvm.h.</remarks>
public sealed class KernelSnpCommands : ISnpCommands, IDisposable
{
    /// <summary>
    /// How often a call that did nothing is repeated. The kernel gives the same answer for a pending signal, which goes away, as for a page
    /// that is in place already, which does not.
    /// </summary>
    internal const int MostIdleCalls = 16;

    private const int IdBlockSize = 96;
    private const int IdAuthenticationSize = 4096;
    private readonly ISevKernel _kernel;
    private readonly CommandStaging _staging = new();

    /// <summary>Makes the commands of one VM.</summary>
    /// <param name="kernel">The VM and the firmware's device.</param>
    internal KernelSnpCommands(ISevKernel kernel)
    {
        _kernel = kernel;
    }

    /// <summary>Makes the commands of one VM.</summary>
    /// <param name="vm">The VM, of type SNP; stays the caller's.</param>
    /// <param name="device">/dev/sev; stays the caller's, and open as long as the VM.</param>
    public static KernelSnpCommands Create(KvmVm vm, SevDevice device) => new(new KvmSevKernel(vm, device));

    /// <inheritdoc/>
    public void Initialize()
    {
        KvmSevInit init = default;
        Issue(SevCommandId.Init2, ref init);
    }

    /// <inheritdoc/>
    public void LaunchStart(in SnpLaunchStartRequest request)
    {
        KvmSevSnpLaunchStart start = new() { Policy = request.Policy.Value };
        CopyExactly(request.GuestOsVisibleWorkarounds, start.Gosvw);
        Issue(SevCommandId.SnpLaunchStart, ref start);
    }

    /// <inheritdoc/>
    public void SetPrivate(ulong gpa, ulong length, bool isPrivate)
    {
        try
        {
            _kernel.SetMemoryAttributes(gpa, length, isPrivate ? (ulong)KvmMemoryAttributeFlags.Private : 0);
        }
        catch (KvmException refused)
        {
            throw KernelErrors.Wrap(refused);
        }
    }

    /// <inheritdoc/>
    public void LaunchUpdate(in GuestPiece source, SnpLaunchPageType type)
    {
        KvmSevSnpLaunchUpdate update = new()
        {
            GfnStart = source.Gpa >> GuestPage.Shift,
            Uaddr = type == SnpLaunchPageType.Zero ? 0 : source.HostAddress,
            Len = (ulong)source.Length,
            Type = (byte)type,
        };

        // A call may do less than it was asked, and advances the structure by what it did.
        for (int idleCalls = 0; update.Len > 0;)
        {
            ulong before = update.Len;
            SevCommandException? refusal = TryUpdate(ref update);
            idleCalls = update.Len < before ? 0 : idleCalls + 1;
            if (refusal is not null && (!MayGoAway(refusal) || idleCalls > MostIdleCalls))
            {
                throw KernelErrors.Wrap(refusal);
            }

            if (idleCalls > MostIdleCalls || update.Len > before)
            {
                throw new SevCommandFailedException(
                    "KVM_SEV_SNP_LAUNCH_UPDATE", null, "KVM_SEV_SNP_LAUNCH_UPDATE failed: the kernel says success but does nothing.");
            }
        }
    }

    /// <inheritdoc/>
    public void LaunchFinish(in SnpLaunchFinishRequest request)
    {
        bool hasIdBlock = !request.IdBlock.IsEmpty;
        if (hasIdBlock && (request.IdBlock.Length != IdBlockSize || request.IdAuthentication.Length != IdAuthenticationSize))
        {
            throw new ArgumentException(
                $"An ID block has {IdBlockSize} bytes and its authentication {IdAuthenticationSize}.", nameof(request));
        }

        KvmSevSnpLaunchFinish finish = new()
        {
            IdBlockEn = (byte)(hasIdBlock ? 1 : 0),
            AuthKeyEn = (byte)(hasIdBlock && request.HasAuthorKey ? 1 : 0),
            VcekDisabled = (byte)(request.IsVcekDisabled ? 1 : 0),
        };
        if (hasIdBlock)
        {
            finish.IdBlockUaddr = _staging.Add(request.IdBlock.Span);
            finish.IdAuthUaddr = _staging.Add(request.IdAuthentication.Span);
        }

        CopyExactly(request.HostData, finish.HostData);
        Issue(SevCommandId.SnpLaunchFinish, ref finish);
    }

    /// <inheritdoc/>
    public void Dispose() => _staging.Dispose();

    private static void CopyExactly(ReadOnlyMemory<byte> source, Span<byte> field)
    {
        if (!source.IsEmpty)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(source.Length, field.Length, nameof(source));
            source.Span.CopyTo(field);
        }
    }

    /// <summary>EAGAIN, EINTR, or EIO although the firmware has nothing against it: perhaps only a signal was pending.</summary>
    private static bool MayGoAway(SevCommandException refusal) =>
        refusal.Errno is Errno.EAGAIN or Errno.EINTR || (refusal.Errno == Errno.EIO && refusal.FirmwareStatus == SevFirmwareStatus.Success);

    private SevCommandException? TryUpdate(ref KvmSevSnpLaunchUpdate update)
    {
        try
        {
            _kernel.Issue(SevCommandId.SnpLaunchUpdate, ref update);
            return null;
        }
        catch (SevCommandException refusal)
        {
            return refusal;
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
