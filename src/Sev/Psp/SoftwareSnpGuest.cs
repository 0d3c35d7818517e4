using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// One SEV-SNP guest of a <see cref="SoftwarePsp"/>: launch, ID block, reports signed by the platform's VCEK, and the guest's own messages.
/// Guest memory is never encrypted, and there is no reverse map table: page states are tracked for the launch alone.
/// </summary>
/// <remarks>Source: AMD SNP ABI 56860 and AMD's published firmware 1.55.25; Linux for what it refuses itself.</remarks>
public sealed partial class SoftwareSnpGuest : ISnpCommands, IDisposable
{
    /// <summary>Bytes of GOSVW.</summary>
    public const int WorkaroundsSize = 16;

    /// <summary>Bytes of host data and of a report's id.</summary>
    public const int HostDataSize = 32;

    /// <summary>The lowest privilege level of a guest.</summary>
    public const uint MaximumVmpl = 3;

    private const int KeyCount = 4;
    private const uint CpuidSignature = 0x00A00F11;
    private const uint SecretsVersion = 3;
    private const int SecretsSignatureOffset = 0x08;
    private const int SecretsWorkaroundsOffset = 0x10;
    private const int SecretsKeysOffset = 0x20;

    private readonly SoftwarePsp _psp;
    private readonly Func<IReadOnlyList<byte[]>> _vmsas;
    private readonly PspPageRanges _private = new();
    private readonly PspPageRanges _populated = new();
    private readonly byte[] _workarounds = new byte[WorkaroundsSize];
    private readonly byte[] _hostData = new byte[HostDataSize];
    private readonly byte[] _reportId = new byte[HostDataSize];
    private readonly byte[] _messageKeys = new byte[KeyCount * GuestMessage.KeySize];
    private readonly ulong[] _messageCounts = new ulong[KeyCount];
    private readonly SnpLaunchDigest _digest = new();
    private SnpPolicy _policy;
    private IdBlock? _idBlock;
    private byte[] _idKeyDigest = [];
    private byte[] _authorKeyDigest = [];
    private TcbVersion _launchTcb;
    private bool _hasAuthorKey;
    private bool _isVcekDisabled;
    private bool _isInitialized;
    private bool _isStarted;
    private bool _isDisposed;

    internal SoftwareSnpGuest(SoftwarePsp psp, Func<IReadOnlyList<byte[]>> vmsas)
    {
        _psp = psp;
        _vmsas = vmsas;
    }

    /// <summary>The guest's state.</summary>
    public SnpGuestState State { get; private set; }

    /// <summary>The launch digest so far, 48 bytes.</summary>
    public ReadOnlySpan<byte> LaunchDigest => _digest.Digest;

    /// <inheritdoc/>
    public void Initialize()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_isInitialized)
        {
            throw PspFault.Kernel("KVM_SEV_INIT2", "EINVAL (22)", "It was issued before.");
        }

        _isInitialized = true;
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// EINVAL for a second time, as Linux has it; POLICY_FAILURE for a policy without bit 17, with reserved bits, for a later ABI, or
    /// without SMT on a platform that has it on.
    /// </exception>
    public void LaunchStart(in SnpLaunchStartRequest request)
    {
        const string Command = "SNP_LAUNCH_START";
        RequireSnpGuest(Command);
        int workarounds = request.GuestOsVisibleWorkarounds.Length;
        if (_isStarted || workarounds is not (0 or WorkaroundsSize))
        {
            throw PspFault.Kernel(
                Command,
                "EINVAL (22)",
                _isStarted ? "It was issued before." : $"GOSVW has {WorkaroundsSize} bytes, not {workarounds}.");
        }

        PspState state = _psp.ReadInitialized();
        SnpPolicy policy = request.Policy;
        PspFault.Require(
            policy.GetProblems() is not [string problem, ..],
            Command,
            PspStatus.PolicyFailure,
            "bit 17 of the policy must be one and bits 26 to 63 zero");
        PspFault.Require(
            policy.SmtAllowed || !state.IsSmtEnabled,
            Command,
            PspStatus.PolicyFailure,
            "the policy forbids SMT, the platform has it on");
        PspFault.Require(
            policy.IsMetBy(state.Firmware.ApiMajor, state.Firmware.ApiMinor),
            Command,
            PspStatus.PolicyFailure,
            $"the policy asks for SNP ABI {policy.AbiMajor}.{policy.AbiMinor}, the firmware has {SoftwarePsp.GetSnpFirmware(state)}");
        IRandomSource random = _psp.AddSnpGuest();
        random.Fill(_messageKeys);
        random.Fill(_reportId);
        request.GuestOsVisibleWorkarounds.Span.CopyTo(_workarounds);
        _policy = policy;
        _launchTcb = state.Tcb;
        _isStarted = true;
        State = SnpGuestState.Launch;
    }

    /// <inheritdoc/>
    public void SetPrivate(ulong gpa, ulong length, bool isPrivate)
    {
        const string Command = "KVM_SET_MEMORY_ATTRIBUTES";
        RequireSnpGuest(Command);
        if (length == 0 || gpa % SnpLaunchDigest.PageSize != 0 || length % SnpLaunchDigest.PageSize != 0 || unchecked(gpa + length) < gpa)
        {
            throw PspFault.Kernel(Command, "EINVAL (22)", $"0x{gpa:x} and {length} bytes are not whole pages.");
        }

        if (isPrivate)
        {
            _private.Add(gpa, length);
        }
        else
        {
            _private.Remove(gpa, length);
            _populated.Remove(gpa, length);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// EINVAL before SNP_LAUNCH_START and for what is not whole pages; EIO without a status for pages that are not private or were added
    /// before, as Linux has it; INVALID_GUEST_STATE once the launch is finished; INVALID_PARAM for a CPUID page that is refused: the values
    /// that would be accepted stand in it then.
    /// </exception>
    public void LaunchUpdate(in GuestPiece source, SnpLaunchPageType type)
    {
        const string Command = "SNP_LAUNCH_UPDATE";
        RequireStarted(Command);
        if (!Enum.IsDefined(type) || source.Length == 0 || source.Length % SnpLaunchDigest.PageSize != 0
            || source.Gpa % SnpLaunchDigest.PageSize != 0 || unchecked(source.Gpa + (ulong)source.Length) < source.Gpa)
        {
            throw PspFault.Kernel(
                Command,
                "EINVAL (22)",
                $"0x{source.Gpa:x} and {source.Length} bytes of type {(int)type} cannot be added.");
        }

        if (!_private.ContainsAll(source.Gpa, (ulong)source.Length) || _populated.Overlaps(source.Gpa, (ulong)source.Length))
        {
            throw PspFault.Kernel(Command, "EIO (5)", $"Pages from 0x{source.Gpa:x} on are not private, or were added before.");
        }

        RequireState(Command, SnpGuestState.Launch);
        for (int offset = 0; offset < source.Length; offset += SnpLaunchDigest.PageSize)
        {
            AddPage(Command, source.Gpa + (ulong)offset, source.Bytes.Slice(offset, SnpLaunchDigest.PageSize), type);
            _populated.Add(source.Gpa + (ulong)offset, SnpLaunchDigest.PageSize);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// INVALID_GUEST_STATE except in LAUNCH; for an ID block in this order: BAD_MEASUREMENT, POLICY_FAILURE, INVALID_PARAM (key
    /// algorithms), BAD_SIGNATURE (ID key), BAD_SIGNATURE (author key). The save areas are measured before that and once more when the
    /// command is tried again: a refused launch cannot be repaired.
    /// </exception>
    public void LaunchFinish(in SnpLaunchFinishRequest request)
    {
        const string Command = "SNP_LAUNCH_FINISH";
        RequireStarted(Command);
        bool hasIdBlock = !request.IdBlock.IsEmpty || !request.IdAuthentication.IsEmpty;
        if ((hasIdBlock && (request.IdBlock.Length != IdBlock.Size || request.IdAuthentication.Length != IdAuthentication.Size))
            || request.HostData.Length is not (0 or HostDataSize) || (request.HasAuthorKey && !hasIdBlock))
        {
            throw PspFault.Kernel(
                Command,
                "EINVAL (22)",
                $"ID block, authentication and host data of {request.IdBlock.Length}, {request.IdAuthentication.Length} and "
                + $"{request.HostData.Length} bytes, not 96, 4096 and 32.");
        }

        RequireState(Command, SnpGuestState.Launch);
        foreach (byte[] vmsa in _vmsas())
        {
            PspFault.Require(
                vmsa.Length == Vmsa.Size,
                Command,
                PspStatus.InvalidPageSize,
                $"a save area has {Vmsa.Size} bytes, not {vmsa.Length}");
            _digest.UpdateVmsa(vmsa, "vmsa");
        }

        if (hasIdBlock)
        {
            IdBlock block = PspIdBlockCheck.Check(Command, request, _digest.Digest, _policy);
            _idKeyDigest = PspIdBlockCheck.GetIdKeyDigest(request);
            _authorKeyDigest = PspIdBlockCheck.GetAuthorKeyDigest(request);
            _idBlock = block;
            _hasAuthorKey = request.HasAuthorKey;
        }

        request.HostData.Span.CopyTo(_hostData);
        _isVcekDisabled = request.IsVcekDisabled;
        State = SnpGuestState.Running;
    }

    /// <summary>DECOMMISSION: wipes the guest's keys.</summary>
    public void Dispose()
    {
        if (_isStarted && !_isDisposed)
        {
            _psp.RemoveSnpGuest();
        }

        _isDisposed = true;
        CryptographicOperations.ZeroMemory(_messageKeys);
        State = SnpGuestState.Initialized;
    }

    private void AddPage(string command, ulong gpa, Span<byte> page, SnpLaunchPageType type)
    {
        switch (type)
        {
            case SnpLaunchPageType.Normal:
                _digest.UpdateNormal(gpa, page, "page");
                return;
            case SnpLaunchPageType.Zero:
                page.Clear();
                break;
            case SnpLaunchPageType.Secrets:
                WriteSecrets(page);
                break;
            case SnpLaunchPageType.Cpuid:
                string? problem = PspCpuidPage.Correct(page);
                PspFault.Require(problem is null, command, PspStatus.InvalidParam, problem ?? string.Empty);
                break;
            case SnpLaunchPageType.Unmeasured:
            default:
                break;
        }

        _digest.UpdateWithoutContents((SnpPageType)type, gpa, SnpLaunchDigest.PageSize, "page");
    }

    private void WriteSecrets(Span<byte> page)
    {
        page.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(page, SecretsVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(page[SecretsSignatureOffset..], CpuidSignature);
        _workarounds.CopyTo(page[SecretsWorkaroundsOffset..]);
        _messageKeys.CopyTo(page[SecretsKeysOffset..]);
    }

    private void RequireSnpGuest(string command)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (!_isInitialized)
        {
            throw PspFault.Kernel(command, "ENOTTY (25)", "The machine is no SEV-SNP guest: KVM_SEV_INIT2 comes first.");
        }
    }

    private void RequireStarted(string command)
    {
        RequireSnpGuest(command);
        if (!_isStarted)
        {
            throw PspFault.Kernel(command, "EINVAL (22)", "SNP_LAUNCH_START comes first.");
        }
    }

    private void RequireState(string command, SnpGuestState state) => PspFault.Require(
        State == state,
        command,
        PspStatus.InvalidGuestState,
        $"the guest is in the state {PspStateText.NameOf(State)}");
}
