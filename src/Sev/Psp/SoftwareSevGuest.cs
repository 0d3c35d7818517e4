using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// One SEV or SEV-ES guest of a <see cref="SoftwarePsp"/>: the firmware's state machine with its checks in its order, and before it what
/// Linux checks itself. Guest memory stays as it is unless the platform scrambles it; the digest is over the plain text either way.
/// </summary>
/// <remarks>
/// <para>States: UNINIT, LUPDATE after LAUNCH_START, LSECRET after LAUNCH_MEASURE, RUNNING after LAUNCH_FINISH, SUPDATE after SEND_START,
/// SENT after SEND_FINISH, RUPDATE after RECEIVE_START. A command before LAUNCH_START or RECEIVE_START gets what the firmware says to a
/// handle of 0: INVALID_PLATFORM_STATE, or INVALID_GUEST when there are other guests (Linux answers EBADF without asking it).</para>
/// <para>Without an owner's session the transport keys are zeros, as in the firmware: measurement and secrets then prove nothing.</para>
/// <para>Source: AMD SEV API 55766 and AMD's published firmware 1.55.25.</para>
/// </remarks>
public sealed partial class SoftwareSevGuest : ISevCommands, IDisposable
{
    private readonly SoftwarePsp _psp;
    private readonly Func<IReadOnlyList<byte[]>> _vmsas;
    private readonly List<GuestMemoryRegion> _regions = [];
    private SevGuestKind? _kind;
    private IDisposable? _registration;
    private IRandomSource _random = SystemRandomSource.Instance;
    private uint _handle;
    private SevGuestState _state;
    private SevPolicy _policy;
    private TransportKeys? _keys;
    private SevLaunchDigest? _digest;
    private byte[] _launchDigest = new byte[Measurement.LaunchMeasure.DigestSize];
    private byte[] _measure = new byte[LaunchMeasurement.MeasureSize];
    private PspMemoryCipher? _cipher;
    private bool _isDisposed;

    internal SoftwareSevGuest(SoftwarePsp psp, Func<IReadOnlyList<byte[]>> vmsas)
    {
        _psp = psp;
        _vmsas = vmsas;
    }

    /// <inheritdoc/>
    public void Initialize(SevGuestKind kind)
    {
        const string Command = "KVM_SEV_INIT2";
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_kind is not null || kind is not (SevGuestKind.Sev or SevGuestKind.SevEs))
        {
            throw PspFault.Kernel(Command, "EINVAL (22)", _kind is null ? "SEV-SNP has commands of its own." : "It was issued before.");
        }

        PspState state = _psp.ReadInitialized();
        if (kind == SevGuestKind.SevEs && !state.IsEncryptedStateConfigured)
        {
            throw PspFault.Kernel(Command, "ENOTTY (25)", "The platform is not configured for SEV-ES.");
        }

        _kind = kind;
    }

    /// <inheritdoc/>
    public void RegisterRegion(in GuestMemoryRegion region)
    {
        const string Command = "KVM_MEMORY_ENCRYPT_REG_REGION";
        RequireSevGuest(Command);
        if (region.Length == 0 || unchecked(region.HostAddress + region.Length) < region.HostAddress)
        {
            throw PspFault.Kernel(Command, "EINVAL (22)", "The region is empty or wraps around.");
        }

        _regions.Add(region);
    }

    /// <inheritdoc/>
    public void UnregisterRegion(in GuestMemoryRegion region)
    {
        const string Command = "KVM_MEMORY_ENCRYPT_UNREG_REGION";
        RequireSevGuest(Command);
        GuestMemoryRegion wanted = region;
        int index = _regions.FindIndex(known => known.HostAddress == wanted.HostAddress && known.Length == wanted.Length);
        if (index < 0)
        {
            throw PspFault.Kernel(Command, "EINVAL (22)", "No such region was registered.");
        }

        _regions.RemoveAt(index);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// In this order: INVALID_LENGTH, INVALID_CERTIFICATE, BAD_MEASUREMENT (keys, then policy), POLICY_FAILURE; UNSUPPORTED for SEV-ES on a
    /// platform without; INVALID_ASID where the policy and the kind of the machine differ; ASID_OWNED for a second launch.
    /// </exception>
    public uint LaunchStart(in LaunchStartRequest request)
    {
        const string Command = "LAUNCH_START";
        RequireSevGuest(Command);
        PspState state = _psp.ReadInitialized();
        TransportKeys keys;
        if (request.OwnerCertificate.IsEmpty)
        {
            PspFault.Require(request.Session.IsEmpty, Command, PspStatus.InvalidParam, "a session without the owner's certificate");
            RequirePolicy(Command, request.Policy, state.Firmware);
            keys = new TransportKeys(stackalloc byte[TransportKeys.KeySize], stackalloc byte[TransportKeys.KeySize]);
        }
        else
        {
            keys = OpenSession(Command, state, request.OwnerCertificate.Span, request.Session.Span, request.Policy);
        }

        Bind(Command, state, request.Policy, keys);
        _digest = new SevLaunchDigest();
        _state = SevGuestState.LaunchUpdate;
        return _handle;
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// INVALID_GUEST_STATE except in LUPDATE; INVALID_ADDRESS or INVALID_LENGTH for what is no multiple of 16 or empty.
    /// </exception>
    public void LaunchUpdateData(in GuestPiece piece)
    {
        const string Command = "LAUNCH_UPDATE_DATA";
        RequireState(Command, SevGuestState.LaunchUpdate);
        RequireAligned(Command, piece.Gpa);
        RequireBlocks(Command, piece.Length, int.MaxValue);
        _digest!.UpdateData(piece.Gpa, piece.Bytes, "data");
        _cipher?.Encrypt(piece.Gpa, piece.Bytes);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// INVALID_GUEST_STATE except in LUPDATE; UNSUPPORTED where the policy has no ES; INVALID_LENGTH for a save area that is no page.
    /// </exception>
    public void LaunchUpdateVmsa()
    {
        const string Command = "LAUNCH_UPDATE_VMSA";
        RequireSevGuest(Command);
        if (_kind != SevGuestKind.SevEs)
        {
            throw PspFault.Kernel(Command, "ENOTTY (25)", "The machine is no SEV-ES guest.");
        }

        RequireState(Command, SevGuestState.LaunchUpdate);
        PspFault.Require(_policy.EncryptedState, Command, PspStatus.Unsupported, "the policy has no ES");
        IReadOnlyList<byte[]> vmsas = _vmsas();
        foreach (byte[] vmsa in vmsas)
        {
            PspFault.Require(
                vmsa.Length == Vmsa.Size,
                Command,
                PspStatus.InvalidLength,
                $"a save area has {Vmsa.Size} bytes, not {vmsa.Length}");
        }

        foreach (byte[] vmsa in vmsas)
        {
            _digest!.UpdateVmsa(vmsa, "vmsa");
        }
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_GUEST_STATE except in LUPDATE.</exception>
    public LaunchMeasurement LaunchMeasure()
    {
        Span<byte> nonce = stackalloc byte[LaunchMeasurement.NonceSize];
        RequireState("LAUNCH_MEASURE", SevGuestState.LaunchUpdate);
        _random.Fill(nonce);
        return LaunchMeasureWith(nonce);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// In this order: INVALID_ADDRESS; INVALID_LENGTH; INVALID_GUEST_STATE except in LSECRET; BAD_MEASUREMENT; UNSUPPORTED for a compressed
    /// secret.
    /// </exception>
    public void InjectSecret(TransportPacket packet, in GuestPiece target)
    {
        const string Command = "LAUNCH_SECRET";
        RequireGuest(Command);
        RequireAligned(Command, target.Gpa);
        RequireBlocks(Command, target.Length, LaunchSecret.MaximumSize);
        PspFault.Require(
            packet.Data.Length == target.Length,
            Command,
            PspStatus.InvalidLength,
            $"{packet.Data.Length} bytes for {target.Length} of the guest");
        RequireState(Command, SevGuestState.LaunchSecret);
        SecretOpening opening = LaunchSecret.Open(_keys!, packet.Header, packet.Data, (uint)target.Length, _measure);
        PspFault.Require(opening.Secret is not null, Command, opening.Status, opening.Detail);
        opening.Secret.CopyTo(target.Bytes);
        CryptographicOperations.ZeroMemory(opening.Secret);
        _cipher?.Encrypt(target.Gpa, target.Bytes);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_GUEST_STATE except in LSECRET: measure first.</exception>
    public void LaunchFinish()
    {
        RequireState("LAUNCH_FINISH", SevGuestState.LaunchSecret);
        CloseChannel();
        _state = SevGuestState.Running;
    }

    /// <inheritdoc/>
    public SevGuestStatus GetGuestStatus()
    {
        RequireSevGuest("GUEST_STATUS");
        return new SevGuestStatus(_handle, _policy, _state);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_GUEST_STATE except in LSECRET, RUNNING, SUPDATE and SENT.</exception>
    public byte[] GetAttestationReport(ReadOnlySpan<byte> nonce)
    {
        const string Command = "ATTESTATION";
        RequireState(
            Command,
            SevGuestState.LaunchSecret,
            SevGuestState.Running,
            SevGuestState.SendUpdate,
            SevGuestState.Sent);
        if (nonce.Length != LaunchMeasurement.NonceSize)
        {
            throw PspFault.Kernel(Command, "EINVAL (22)", $"A nonce has {LaunchMeasurement.NonceSize} bytes, not {nonce.Length}.");
        }

        using ECDsa pek = _psp.ReadInitialized().Identity.Pek.ToSigner();
        return LegacyAttestationReport.Create(nonce, _launchDigest, _policy, pek).Bytes.ToArray();
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// POLICY_FAILURE where the policy has NODBG. On a platform that scrambles memory, INVALID_ADDRESS and INVALID_LENGTH for what is no
    /// multiple of 16: only the kernel has the bytes around the piece.
    /// </exception>
    public void DebugDecrypt(in GuestPiece source, Span<byte> destination)
    {
        RequireDebug("DBG_DECRYPT", source.Gpa, source.Length, destination.Length);
        ReadPlain(source).CopyTo(destination);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// POLICY_FAILURE where the policy has NODBG. On a platform that scrambles memory, INVALID_ADDRESS and INVALID_LENGTH for what is no
    /// multiple of 16: only the kernel has the bytes around the piece.
    /// </exception>
    public void DebugEncrypt(ReadOnlySpan<byte> source, in GuestPiece destination)
    {
        RequireDebug("DBG_ENCRYPT", destination.Gpa, source.Length, destination.Length);
        source.CopyTo(destination.Bytes);
        _cipher?.Encrypt(destination.Gpa, destination.Bytes);
    }

    /// <summary>DEACTIVATE and DECOMMISSION: wipes the guest's keys and frees its handle.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        CloseChannel();
        _cipher?.Dispose();
        _cipher = null;
        _state = SevGuestState.Uninitialized;
        _handle = 0;
        _registration?.Dispose();
        _registration = null;
    }

    /// <summary>LAUNCH_MEASURE with a given nonce, and if need be a given digest: for vectors that come with them.</summary>
    /// <param name="nonce">The nonce, 16 bytes.</param>
    /// <param name="digest">The launch digest, 32 bytes; empty for the launch's own.</param>
    internal LaunchMeasurement LaunchMeasureWith(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> digest = default)
    {
        RequireState("LAUNCH_MEASURE", SevGuestState.LaunchUpdate);
        _launchDigest = digest.IsEmpty ? _digest!.GetDigest() : digest.ToArray();
        _measure = Measurement.LaunchMeasure.Compute(_keys!.Tik, _psp.Read().Firmware, _policy, _launchDigest, nonce);
        _digest!.Dispose();
        _digest = null;
        _state = SevGuestState.LaunchSecret;
        return LaunchMeasurement.Join(_measure, nonce);
    }

    /// <summary>The transport keys, as long as there are any: for tests that compare them with the owner's.</summary>
    internal TransportKeys? Keys => _keys;
}
