using System.Security.Cryptography;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Sev.Psp;

/// <content>What several commands check and do alike.</content>
public sealed partial class SoftwareSevGuest
{
    private static TransportKeys OpenSession(
        string command,
        PspState state,
        ReadOnlySpan<byte> certificate,
        ReadOnlySpan<byte> session,
        SevPolicy policy)
    {
        using ECDiffieHellman pdh = state.Identity.Pdh.ToAgreement();
        SessionOpening opening = SessionOpener.Open(pdh, certificate, session, policy, state.Firmware);
        PspFault.Require(opening.Keys is not null, command, opening.Status, opening.Detail);
        return opening.Keys;
    }

    // AMD's specification looks at every policy; its published firmware only at one that comes with a session.
    private static void RequirePolicy(string command, SevPolicy policy, SevFirmwareVersion firmware)
    {
        PspFault.Require(
            policy.IsMetBy(firmware),
            command,
            PspStatus.PolicyFailure,
            $"the policy asks for SEV API {policy.ApiMajor}.{policy.ApiMinor}, the firmware has {firmware}");
        PspFault.Require(
            (policy.Value & SevPolicy.ReservedMask) == 0,
            command,
            PspStatus.PolicyFailure,
            "bits 6 to 15 of the policy are reserved and must be zero");
    }

    private static void RequireAligned(string command, ulong address) => PspFault.Require(
        address % PspMemoryCipher.BlockSize == 0,
        command,
        PspStatus.InvalidAddress,
        $"0x{address:x} is no multiple of {PspMemoryCipher.BlockSize}");

    private static void RequireBlocks(string command, int length, int maximum) => PspFault.Require(
        length > 0 && length <= maximum && length % PspMemoryCipher.BlockSize == 0,
        command,
        PspStatus.InvalidLength,
        $"{length} bytes are no multiple of {PspMemoryCipher.BlockSize} from {PspMemoryCipher.BlockSize} to {maximum}");

    /// <summary>Takes the guest in: the common end of LAUNCH_START and RECEIVE_START.</summary>
    private void Bind(string command, PspState state, SevPolicy policy, TransportKeys keys)
    {
        try
        {
            PspFault.Require(
                !policy.EncryptedState || state.IsEncryptedStateConfigured,
                command,
                PspStatus.Unsupported,
                "the policy has ES, the platform is not configured for it");

            // The kernel's ACTIVATE, which follows at once: one ASID, one guest, of the kind that the ASID is for.
            PspFault.Require(_registration is null, command, PspStatus.AsidOwned, "the machine's ASID belongs to a guest");
            PspFault.Require(
                policy.EncryptedState == (_kind == SevGuestKind.SevEs),
                command,
                PspStatus.InvalidAsid,
                $"the policy is for {(policy.EncryptedState ? "SEV-ES" : "SEV")}, the machine is not");
            _registration = _psp.TryAddGuest(out _handle, out _random);
            PspFault.Require(
                _registration is not null,
                command,
                PspStatus.ResourceLimit,
                $"there are {SoftwarePsp.MaximumGuests} guests already");
        }
        catch
        {
            keys.Dispose();
            throw;
        }

        _keys = keys;
        _policy = policy;
        Span<byte> memoryKey = stackalloc byte[2 * PspMemoryCipher.BlockSize];
        _random.Fill(memoryKey);
        _cipher = state.Scramble ? new PspMemoryCipher(memoryKey) : null;
        CryptographicOperations.ZeroMemory(memoryKey);
    }

    private void CloseChannel()
    {
        _keys?.Dispose();
        _keys = null;
        _digest?.Dispose();
        _digest = null;
    }

    private void RequireSevGuest(string command)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_kind is null)
        {
            throw PspFault.Kernel(command, "ENOTTY (25)", "The machine is no SEV guest: KVM_SEV_INIT2 comes first.");
        }
    }

    private void RequireGuest(string command)
    {
        RequireSevGuest(command);
        if (_registration is null)
        {
            PspStatus status = _psp.GetPlatformState() == SevPlatformState.Working
                ? PspStatus.InvalidGuest
                : PspStatus.InvalidPlatformState;
            throw PspFault.Firmware(command, status, "neither LAUNCH_START nor RECEIVE_START made the guest");
        }
    }

    private void RequireState(string command, params ReadOnlySpan<SevGuestState> states)
    {
        RequireGuest(command);
        PspFault.Require(
            states.Contains(_state),
            command,
            PspStatus.InvalidGuestState,
            $"the guest is in the state {PspStateText.NameOf(_state)}");
    }

    private void RequireDebug(string command, ulong address, int sourceLength, int destinationLength)
    {
        RequireGuest(command);
        if (sourceLength == 0 || sourceLength != destinationLength)
        {
            throw PspFault.Kernel(command, "EINVAL (22)", $"{sourceLength} bytes cannot become {destinationLength}.");
        }

        if (_cipher is not null)
        {
            RequireAligned(command, address);
            RequireBlocks(command, sourceLength, int.MaxValue);
        }

        PspFault.Require(!_policy.NoDebug, command, PspStatus.PolicyFailure, "the policy has NODBG");
    }

    private byte[] ReadPlain(in GuestPiece piece)
    {
        byte[] plain = piece.Bytes.ToArray();
        _cipher?.Decrypt(piece.Gpa, plain);
        return plain;
    }
}
