using System.Buffers.Binary;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Commands;

namespace KvmSevVmm.Sev.Psp;

/// <content>Reports and guest messages.</content>
public sealed partial class SoftwareSnpGuest
{
    private const byte CpuidFamily = 25;
    private const byte CpuidModel = 1;
    private const byte CpuidStepping = 1;
    private const int ReportRequestSize = 0x60;
    private const int ReportRequestVmplOffset = 0x40;

    /// <summary>The report that the guest gets when it asks the firmware, signed by the VCEK.</summary>
    /// <param name="reportData">What the guest wants repeated, 64 bytes or none.</param>
    /// <param name="vmpl">The privilege level that asks, 0 to 3.</param>
    /// <exception cref="SevCommandFailedException">
    /// INVALID_GUEST_STATE except in RUNNING; INVALID_PARAM for another length or level; INVALID_KEY where the launch forbade the VCEK.
    /// </exception>
    public SnpReport GetReport(ReadOnlySpan<byte> reportData, uint vmpl)
    {
        const string Command = "SNP_GUEST_REQUEST";
        RequireStarted(Command);
        RequireState(Command, SnpGuestState.Running);
        PspFault.Require(
            reportData.Length is 0 or SnpReportLayout.ReportDataSize && vmpl <= MaximumVmpl,
            Command,
            PspStatus.InvalidParam,
            $"report data of {reportData.Length} bytes for VMPL {vmpl}");
        PspFault.Require(!_isVcekDisabled, Command, PspStatus.InvalidKey, "the launch forbade reports by the VCEK");
        PspState state = _psp.Read();
        using ECDsa vcek = SoftwarePsp.DeriveVcek(state).ToSigner();
        return new SnpReportFields
        {
            GuestSvn = _idBlock?.GuestSvn ?? 0,
            Policy = _policy,
            FamilyId = _idBlock?.FamilyId.ToArray(),
            ImageId = _idBlock?.ImageId.ToArray(),
            Vmpl = vmpl,
            CurrentTcb = state.Tcb,
            PlatformInfo = new SnpPlatformInfo(state.IsSmtEnabled ? 1UL : 0),
            HasAuthorKey = _hasAuthorKey,
            SigningKey = SnpSigningKey.Vcek,
            ReportData = reportData.ToArray(),
            Measurement = _digest.Digest.ToArray(),
            HostData = _hostData,
            IdKeyDigest = _idKeyDigest,
            AuthorKeyDigest = _authorKeyDigest,
            ReportId = _reportId,
            ReportedTcb = state.Tcb,
            CpuidFamily = CpuidFamily,
            CpuidModel = CpuidModel,
            CpuidStepping = CpuidStepping,
            ChipId = state.GetChipId(),
            CommittedTcb = state.Tcb,
            CurrentVersion = SoftwarePsp.GetSnpFirmware(state),
            CommittedVersion = SoftwarePsp.GetSnpFirmware(state),
            LaunchTcb = _launchTcb,
        }.Sign(vcek);
    }

    /// <summary>SNP_GUEST_REQUEST: answers a message that the guest encrypted. The model answers MSG_REPORT_REQ alone.</summary>
    /// <param name="request">The guest's message.</param>
    /// <returns>The answer, encrypted with the same key.</returns>
    /// <exception cref="SevCommandFailedException">
    /// INVALID_GUEST_STATE except in RUNNING; INVALID_PARAM for a malformed head or another type; BAD_MEASUREMENT for a message that was
    /// not made with the key; AEAD_OFLOW for a sequence number that is not the next.
    /// </exception>
    public byte[] Request(ReadOnlySpan<byte> request)
    {
        const string Command = "SNP_GUEST_REQUEST";
        const int KeyIndexOffset = 0x3C;
        RequireStarted(Command);
        RequireState(Command, SnpGuestState.Running);
        PspFault.Require(
            request.Length >= GuestMessage.HeaderSize && request[KeyIndexOffset] < KeyCount,
            Command,
            PspStatus.InvalidParam,
            "the message has no whole head, or names no key");
        int index = request[KeyIndexOffset];
        ReadOnlySpan<byte> key = _messageKeys.AsSpan(index * GuestMessage.KeySize, GuestMessage.KeySize);
        GuestMessage message;
        try
        {
            message = GuestMessage.Decrypt(request, key, "guest message");
        }
        catch (SevFormatException fault)
        {
            throw PspFault.Firmware(Command, fault.Field == "tag" ? PspStatus.BadMeasurement : PspStatus.InvalidParam, fault.Message);
        }

        PspFault.Require(
            _messageCounts[index] < ulong.MaxValue - 1 && message.SequenceNumber == _messageCounts[index] + 1,
            Command,
            PspStatus.AeadOverflow,
            $"the message has the number {message.SequenceNumber}, not {_messageCounts[index] + 1}");
        PspFault.Require(
            message.Type == GuestMessageType.ReportRequest && message.Payload.Length == ReportRequestSize,
            Command,
            PspStatus.InvalidParam,
            $"message type {(int)message.Type} with {message.Payload.Length} bytes is no MSG_REPORT_REQ");
        byte[] answer = new GuestMessage(
            message.SequenceNumber + 1,
            GuestMessageType.ReportResponse,
            1,
            message.KeyIndex,
            AnswerReportRequest(message).ToBytes()).Encrypt(key);
        _messageCounts[index] += 2;
        return answer;
    }

    private SnpReportResponse AnswerReportRequest(GuestMessage message)
    {
        ReadOnlySpan<byte> payload = message.Payload.Span;
        uint vmpl = BinaryPrimitives.ReadUInt32LittleEndian(payload[ReportRequestVmplOffset..]);
        bool isSound = vmpl >= message.KeyIndex && !payload[(ReportRequestVmplOffset + sizeof(uint))..].ContainsAnyExcept((byte)0);
        try
        {
            return isSound
                ? new SnpReportResponse(0, GetReport(payload[..ReportRequestVmplOffset], vmpl))
                : new SnpReportResponse((uint)PspStatus.InvalidParam, null);
        }
        catch (SevCommandFailedException refusal) when (refusal.Status is { } status)
        {
            return new SnpReportResponse((uint)status, null);
        }
    }
}
