using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary><c>session inspect</c>: a session's fields, and what the owner's keys prove of it.</summary>
internal static class SessionInspectCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<SessionInspectOptions>(
        "kvmsev session inspect SESSION [OPTIONS]",
        """
        The wrapped keys only the platform can open; the hash of the policy whoever has
        the TIK can check. Nothing is said to be right that was not checked.

        Exit codes: 0 nothing contradicts, 1 a check failed, others as for every verb.
        """,
        [
            new VerbExample(
                "Is this session for that policy?",
                "session", "inspect", "vm_session.b64", "--godh", "vm_godh.b64", "--tik", "vm_tik.bin", "--policy", "nodbg,noks"),
            new VerbExample("Only its fields:", "session", "inspect", "vm_session.b64"),
        ],
        Execute);

    private static int Execute(SessionInspectOptions options, CliContext context)
    {
        Sev.EncodedBlob blob = InputBlob.Read("SESSION", options.Session, "session", SessionBlob.Size);
        SessionBlob session = SessionBlob.Parse(blob.Bytes, options.Session);
        SevCertificate? godh = options.Godh is { } path ? CertificateFiles.ReadCertificate("--godh", path, SevKeyUsage.Pdh) : null;
        FactSheet sheet = SessionFacts.Describe(options.Session, blob.EncodingName, session);
        VerificationReport report = Verify(options, session, godh);
        sheet.Add(report).Write("kvmsev.session/1", options.Json, context);
        return report.HasFailures ? ExitCode.Failure : ExitCode.Success;
    }

    private static VerificationReport Verify(SessionInspectOptions options, SessionBlob session, SevCertificate? godh)
    {
        CheckList checks = new();
        if (godh is null)
        {
            checks.NotChecked("godh.form", "no owner's certificate was given");
        }
        else
        {
            CheckGodh(checks, godh);
        }

        SevPolicy? policy = options.Policy is { } text ? PolicyValue.ParseSev("--policy", text) : null;
        using TransportKeys? keys = ReadKeys(options);
        if (keys is null)
        {
            checks.NotChecked("session.policy-mac", "no TIK was given");
        }
        else if (policy is { } wanted)
        {
            bool isSame = CryptographicOperations.FixedTimeEquals(session.PolicyMac, SessionSecrets.GetPolicyMac(keys, wanted.Value));
            checks.Add(
                "session.policy-mac",
                isSame,
                isSame
                    ? $"the session is for policy {wanted}"
                    : $"the session is for another policy than {wanted}, or the TIK is another's");
        }
        else
        {
            CheckKnownPolicies(checks, session, keys);
        }

        checks.NotChecked("session.wrapped-keys", "only the platform's PDH opens them");
        return checks.ToReport();
    }

    private static void CheckGodh(CheckList checks, SevCertificate godh)
    {
        bool isElliptic = godh.Algorithm is SevKeyAlgorithm.EcdhSha256 or SevKeyAlgorithm.EcdhSha384;
        bool isOnCurve = isElliptic && AmdEcKey.IsOnCurve(godh.GetEcPublicKey());
        checks.Add(
            "godh.form",
            isOnCurve,
            $"a {godh.Usage.ToName()} with {godh.Algorithm.ToName()}, {(isOnCurve ? "on its curve" : "no point on a curve")}");
    }

    // Without a policy to compare with: the low bits have 64 values, and their hashes are quickly tried.
    private static void CheckKnownPolicies(CheckList checks, SessionBlob session, TransportKeys keys)
    {
        const string Name = "session.policy-mac";
        for (uint value = 0; value < 64; value++)
        {
            if (CryptographicOperations.FixedTimeEquals(session.PolicyMac, SessionSecrets.GetPolicyMac(keys, value)))
            {
                checks.Pass(Name, $"the session is for policy {new SevPolicy(value)} ({new SevPolicy(value).ToNames()})");
                return;
            }
        }

        checks.NotChecked(Name, "no policy was given, and it is none without an API version; or the TIK is another's");
    }

    private static TransportKeys? ReadKeys(SessionInspectOptions options) => options switch
    {
        { Tk: { } both } => TransportKeyFiles.ReadBoth("--tk", both),
        { Tik: { } tik } => TransportKeyFiles.ReadTik("--tik", tik),
        _ => null,
    };
}
