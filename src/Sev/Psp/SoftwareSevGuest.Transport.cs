using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Sev.Psp;

/// <content>SEND and RECEIVE.</content>
public sealed partial class SoftwareSevGuest
{
    private const int PageSize = 4096;

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// In this order: INVALID_GUEST_STATE except in RUNNING; POLICY_FAILURE under NOSEND; under SEV the target's chain is verified up to
    /// the root (INVALID_LENGTH, INVALID_CERTIFICATE, BAD_SIGNATURE) and its API compared with the policy's (POLICY_FAILURE); under DOMAIN
    /// its owner must be this platform's (POLICY_FAILURE); then the PDH's length and shape.
    /// </exception>
    public SendStartResult SendStart(in SendStartRequest request)
    {
        const string Command = "SEND_START";
        RequireState(Command, SevGuestState.Running);
        PspFault.Require(!_policy.NoSend, Command, PspStatus.PolicyFailure, "the policy has NOSEND");
        PspState state = _psp.ReadInitialized();
        if (_policy.SevOnly)
        {
            VerifyPlatform(Command, request, _policy);
        }

        if (_policy.Domain)
        {
            VerifyDomain(Command, request, state.Identity.OcaCertificate);
        }

        PspFault.Require(
            request.TargetPdh.Length == SevCertificate.Size,
            Command,
            PspStatus.InvalidLength,
            $"a PDH has {SevCertificate.Size} bytes, not {request.TargetPdh.Length}");
        SevCertificate target = PspCertificateCheck.Parse(Command, "PDH", request.TargetPdh.Span);
        PspFault.Require(
            target.Usage == SevKeyUsage.Pdh && target.Algorithm == SevKeyAlgorithm.EcdhSha256,
            Command,
            PspStatus.InvalidCertificate,
            $"a {target.Usage.ToName()} with {target.Algorithm.ToName()} is no PDH");
        TransportKeys keys = TransportKeys.Create(_random);
        try
        {
            using ECDiffieHellman pdh = state.Identity.Pdh.ToAgreement();
            SessionBlob session = CreateSession(Command, pdh, target.GetEcPublicKey(), keys);
            _keys = keys;
            _state = SevGuestState.SendUpdate;
            return new SendStartResult(_policy, session.Bytes.ToArray());
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// In this order: INVALID_GUEST_STATE except in SUPDATE; INVALID_LENGTH; INVALID_ADDRESS. EINVAL for what crosses a page, as Linux has
    /// it.
    /// </exception>
    public TransportPacket SendUpdateData(in GuestPiece source)
    {
        const string Command = "SEND_UPDATE_DATA";
        RequireState(Command, SevGuestState.SendUpdate);
        RequireTransportable(Command, source);
        byte[] plain = ReadPlain(source);
        TransportPacket packet = TransportPacket.Seal(PacketContext.Data, _keys!, plain, [], _random);
        CryptographicOperations.ZeroMemory(plain);
        return packet;
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_GUEST_STATE except in SUPDATE.</exception>
    public void SendFinish()
    {
        RequireState("SEND_FINISH", SevGuestState.SendUpdate);
        CloseChannel();
        _state = SevGuestState.Sent;
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_GUEST_STATE except in SUPDATE.</exception>
    public void SendCancel()
    {
        RequireState("SEND_CANCEL", SevGuestState.SendUpdate);
        CloseChannel();
        _state = SevGuestState.Running;
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">As for <see cref="LaunchStart"/>.</exception>
    public uint ReceiveStart(in ReceiveStartRequest request)
    {
        const string Command = "RECEIVE_START";
        RequireSevGuest(Command);
        PspState state = _psp.ReadInitialized();
        TransportKeys keys = OpenSession(Command, state, request.SourcePdh.Span, request.Session.Span, request.Policy);
        Bind(Command, state, request.Policy, keys);
        _state = SevGuestState.ReceiveUpdate;
        return _handle;
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">
    /// In this order: INVALID_GUEST_STATE except in RUPDATE; INVALID_LENGTH; INVALID_ADDRESS; UNSUPPORTED for a compressed packet;
    /// BAD_MEASUREMENT. EINVAL for what crosses a page, as Linux has it.
    /// </exception>
    public void ReceiveUpdateData(TransportPacket packet, in GuestPiece target)
    {
        const string Command = "RECEIVE_UPDATE_DATA";
        RequireState(Command, SevGuestState.ReceiveUpdate);
        RequireTransportable(Command, target);
        PspFault.Require(
            packet.Data.Length == target.Length,
            Command,
            PspStatus.InvalidLength,
            $"{packet.Data.Length} bytes for {target.Length} of the guest");
        PspFault.Require(
            (packet.Flags & TransportPacket.CompressedFlag) == 0,
            Command,
            PspStatus.Unsupported,
            "the packet is compressed");
        PspFault.Require(
            packet.TryOpen(PacketContext.Data, _keys!, (uint)target.Length, [], out byte[]? plain),
            Command,
            PspStatus.BadMeasurement,
            "the MAC does not match: a changed packet or other keys");
        plain.CopyTo(target.Bytes);
        CryptographicOperations.ZeroMemory(plain);
        _cipher?.Encrypt(target.Gpa, target.Bytes);
    }

    /// <inheritdoc/>
    /// <exception cref="SevCommandFailedException">INVALID_GUEST_STATE except in RUPDATE.</exception>
    public void ReceiveFinish()
    {
        RequireState("RECEIVE_FINISH", SevGuestState.ReceiveUpdate);
        CloseChannel();
        _state = SevGuestState.Running;
    }

    private static void RequireTransportable(string command, in GuestPiece piece)
    {
        RequireBlocks(command, piece.Length, LaunchSecret.MaximumSize);
        RequireAligned(command, piece.Gpa);
        if ((piece.Gpa % PageSize) + (ulong)piece.Length > PageSize)
        {
            throw PspFault.Kernel(command, "EINVAL (22)", "The piece crosses a page.");
        }
    }

    private static void RequireLengths(string command, in SendStartRequest request)
    {
        PspFault.Require(
            request.PlatformChain.Length == SevCertificateChain.PlatformChainSize,
            command,
            PspStatus.InvalidLength,
            $"PEK, OCA and CEK have {SevCertificateChain.PlatformChainSize} bytes, not {request.PlatformChain.Length}");
        PspFault.Require(
            request.TargetPdh.Length == SevCertificate.Size,
            command,
            PspStatus.InvalidLength,
            $"a PDH has {SevCertificate.Size} bytes, not {request.TargetPdh.Length}");
    }

    private static SevCertificate ParseLink(string command, string name, in SendStartRequest request, int index) =>
        PspCertificateCheck.Parse(command, name, request.PlatformChain.Span.Slice(index * SevCertificate.Size, SevCertificate.Size));

    private static void VerifyPlatform(string command, in SendStartRequest request, SevPolicy policy)
    {
        RequireLengths(command, request);
        AskArk root = PspAuthority.Certificates;
        PspFault.Require(
            request.AmdChain.Length == root.Ask.Bytes.Length + root.Ark.Bytes.Length,
            command,
            PspStatus.InvalidLength,
            $"ASK and ARK have {root.Ask.Bytes.Length + root.Ark.Bytes.Length} bytes, not {request.AmdChain.Length}");
        AskArk given;
        try
        {
            given = AskArk.Parse(request.AmdChain.Span, "ASK and ARK");
        }
        catch (SevFormatException fault)
        {
            throw PspFault.Firmware(command, PspStatus.InvalidCertificate, fault.Message);
        }

        PspFault.Require(
            given.Ark.GetKeyFingerprint().AsSpan().SequenceEqual(root.Ark.GetKeyFingerprint()),
            command,
            PspStatus.InvalidCertificate,
            "the ARK is not the model's");
        PspFault.Require(given.Ark.IsSignedBy(given.Ark, out string reason), command, PspStatus.BadSignature, $"ARK: {reason}");
        PspFault.Require(given.Ask.IsSignedBy(given.Ark, out reason), command, PspStatus.BadSignature, $"ASK: {reason}");
        SevCertificate cek = ParseLink(command, "CEK", request, 2);
        PspCertificateCheck.RequireSigned(command, cek, given.Ask);
        SevCertificate pek = ParseLink(command, "PEK", request, 0);
        PspCertificateCheck.RequireSigned(command, pek, SevKeyUsage.Pek, cek);
        SevCertificate pdh = PspCertificateCheck.Parse(command, "PDH", request.TargetPdh.Span);
        PspCertificateCheck.RequireSigned(command, pdh, SevKeyUsage.Pdh, pek);
        PspFault.Require(
            policy.IsMetBy(new SevFirmwareVersion(pek.ApiMajor, pek.ApiMinor, 0)),
            command,
            PspStatus.PolicyFailure,
            $"the policy asks for SEV API {policy.ApiMajor}.{policy.ApiMinor}, the target has {pek.ApiMajor}.{pek.ApiMinor}");
    }

    private static void VerifyDomain(string command, in SendStartRequest request, SevCertificate ownOca)
    {
        RequireLengths(command, request);
        SevCertificate oca = ParseLink(command, "OCA", request, 1);
        PspCertificateCheck.RequireSigned(command, oca, SevKeyUsage.Oca, oca);
        SevCertificate pek = ParseLink(command, "PEK", request, 0);
        PspCertificateCheck.RequireSigned(command, pek, SevKeyUsage.Pek, oca);
        SevCertificate pdh = PspCertificateCheck.Parse(command, "PDH", request.TargetPdh.Span);
        PspCertificateCheck.RequireSigned(command, pdh, SevKeyUsage.Pdh, pek);
        PspFault.Require(
            oca.Bytes.SequenceEqual(ownOca.Bytes),
            command,
            PspStatus.PolicyFailure,
            "the policy has DOMAIN, the target has another owner");
    }

    private SessionBlob CreateSession(string command, ECDiffieHellman pdh, in ECParameters target, TransportKeys keys)
    {
        try
        {
            return LaunchSession.CreateSession(pdh, target, keys, _policy, _random);
        }
        catch (Exception fault) when (fault is CryptographicException or ArgumentException)
        {
            throw PspFault.Firmware(command, PspStatus.InvalidCertificate, "the PDH's key is no point on this platform's curve");
        }
    }
}
