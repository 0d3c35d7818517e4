using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;

namespace KvmSevVmm.Sev.Sessions;

/// <summary>The platform's side of a session: what LAUNCH_START and RECEIVE_START do with GODH, session and policy.</summary>
/// <remarks>
/// The order of the checks is the firmware's: lengths; shape of the GODH; WRAP_MAC; POLICY_MAC; the policy's API version; its reserved
/// bits. What needs the platform's state (a shared key's guest, SEV-ES configured) comes after it, with the caller.
/// </remarks>
public static class SessionOpener
{
    /// <summary>Opens a session.</summary>
    /// <param name="pdh">The platform's private Diffie-Hellman key.</param>
    /// <param name="godh">The owner's certificate as it came; 2084 bytes in a good one.</param>
    /// <param name="session">The session as it came; 128 bytes in a good one.</param>
    /// <param name="policy">The policy as it came beside them.</param>
    /// <param name="firmware">The version that the policy is compared with.</param>
    public static SessionOpening Open(
        ECDiffieHellman pdh,
        ReadOnlySpan<byte> godh,
        ReadOnlySpan<byte> session,
        SevPolicy policy,
        SevFirmwareVersion firmware)
    {
        if (session.Length != SessionBlob.Size)
        {
            return Refuse(PspStatus.InvalidLength, $"a session has {SessionBlob.Size} bytes, not {session.Length}");
        }

        if (godh.Length != SevCertificate.Size)
        {
            return Refuse(PspStatus.InvalidLength, $"a GODH certificate has {SevCertificate.Size} bytes, not {godh.Length}");
        }

        if (!SevCertificate.TryParse(godh, out SevCertificate? certificate, out (string Field, string Problem) fault))
        {
            return Refuse(PspStatus.InvalidCertificate, $"GODH: {fault.Field}: {fault.Problem}");
        }

        if (certificate.Usage != SevKeyUsage.Pdh || certificate.Algorithm != SevKeyAlgorithm.EcdhSha256)
        {
            return Refuse(
                PspStatus.InvalidCertificate,
                $"GODH: a {certificate.Usage.ToName()} with {certificate.Algorithm.ToName()} instead of a PDH with ECDH_SHA256");
        }

        ECParameters ownerKey = certificate.GetEcPublicKey();
        ECParameters ownKey = pdh.ExportParameters(includePrivateParameters: false);
        if (AmdEcKey.GetCoordinateSize(ownerKey.Curve) != AmdEcKey.GetCoordinateSize(ownKey.Curve))
        {
            return Refuse(PspStatus.InvalidCertificate, "GODH: its curve is not the PDH's");
        }

        SessionBlob blob = SessionBlob.Parse(session, "session");
        SessionSecrets secrets;
        try
        {
            secrets = SessionSecrets.Agree(pdh, ownerKey, blob.Nonce);
        }
        catch (CryptographicException)
        {
            return Refuse(PspStatus.InvalidCertificate, "GODH: its key is no point on the curve");
        }

        using (secrets)
        {
            return Open(secrets, blob, policy, firmware);
        }
    }

    /// <summary>The part after the key agreement.</summary>
    /// <param name="secrets">What the agreement gave.</param>
    /// <param name="session">The session.</param>
    /// <param name="policy">The policy as it came beside it.</param>
    /// <param name="firmware">The version that the policy is compared with.</param>
    internal static SessionOpening Open(
        SessionSecrets secrets,
        SessionBlob session,
        SevPolicy policy,
        SevFirmwareVersion firmware)
    {
        TransportKeys? keys = secrets.Unwrap(session);
        if (keys is null)
        {
            return Refuse(PspStatus.BadMeasurement, "WRAP_MAC does not match: wrong PDH, wrong GODH or a changed session");
        }

        SessionOpening? refusal = CheckPolicy(keys, session, policy, firmware);
        if (refusal is not null)
        {
            keys.Dispose();
            return refusal;
        }

        return new SessionOpening(PspStatus.Success, keys, "the session is genuine and the policy is the owner's");
    }

    private static SessionOpening? CheckPolicy(
        TransportKeys keys,
        SessionBlob session,
        SevPolicy policy,
        SevFirmwareVersion firmware)
    {
        if (!CryptographicOperations.FixedTimeEquals(SessionSecrets.GetPolicyMac(keys, policy.Value), session.PolicyMac))
        {
            return Refuse(PspStatus.BadMeasurement, $"POLICY_MAC does not match: the session is for another policy than {policy}");
        }

        if (!policy.IsMetBy(firmware))
        {
            return Refuse(
                PspStatus.PolicyFailure,
                $"the policy asks for SEV API {policy.ApiMajor}.{policy.ApiMinor}, the firmware has {firmware}");
        }

        return policy.GetProblems() is [string problem, ..] ? Refuse(PspStatus.PolicyFailure, problem) : null;
    }

    private static SessionOpening Refuse(PspStatus status, string detail) => new(status, null, detail);
}
