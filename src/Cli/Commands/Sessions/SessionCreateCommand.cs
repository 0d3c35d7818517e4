using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Sessions;

/// <summary><c>session create</c>: the owner's part of LAUNCH_START.</summary>
internal static class SessionCreateCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<SessionCreateOptions>(
        "kvmsev session create CHAIN --policy POLICY [OPTIONS]",
        """
        First the chain is verified, from AMD's root key (known by its fingerprint) down
        to the PDH; a chain that fails, or whose end nobody knows, is refused. Then four
        files are written, readable by you alone, named as sevctl names them:
          PREFIX_godh.b64, PREFIX_session.b64    for the host: --sev sev,
              dh-cert-file=PREFIX_godh.b64,session-file=PREFIX_session.b64,policy=...
          PREFIX_tek.bin, PREFIX_tik.bin         yours: they open and prove everything
        The session works on this platform and with this policy only.

        Exit codes: 0 made, 1 the chain is refused, others as for every verb.
        """,
        [
            new VerbExample(
                "For a host with SEV-ES:",
                "session", "create", "platform.chain", "--ask-ark", "ask_ark_milan.cert", "--cek", "cek.cert", "--policy", "nodbg,noks,es"),
            new VerbExample("With a model:", "session", "create", "platform.chain", "--policy", "nodbg,noks", "--allow-simulated"),
        ],
        Execute);

    private static int Execute(SessionCreateOptions options, CliContext context)
    {
        SevPolicy policy = PolicyValue.ParseSev("--policy", options.Policy);
        if (policy.GetProblems() is [{ } problem, ..])
        {
            throw new UsageException($"--policy: {problem.TrimEnd('.')}", "the firmware would refuse it");
        }

        BlobEncoding encoding = options.Raw ? BlobEncoding.Raw : BlobEncoding.Base64;
        RequireFreePaths(options, encoding);
        SevCertificate pdh = ReadPdh(options, out SevCertificateChain? chain, out BlobEncoding found);
        VerificationReport report = Verify(options, chain, out bool isSimulated);
        if (!IsProven(report) && !options.Unverified)
        {
            return Refuse(options, context, report, isSimulated);
        }

        using LaunchSession session = LaunchSession.Create(pdh, policy, SystemRandomSource.Instance);
        IReadOnlyList<string> files = session.Save(options.Prefix, options.Force, encoding);
        FactSheet sheet = new FactSheet()
            .Add("chain", options.Chain)
            .Add("chain encoding", found == BlobEncoding.Raw ? "raw" : "base64")
            .Add("root", options.Unverified ? "NOT CHECKED" : report.Find("ark.pinned")?.Detail)
            .Add("simulated", isSimulated)
            .Add("policy", $"{policy} ({policy.ToNames()})")
            .Add("policy in words", policy.Describe())
            .Add("for the host", files.Skip(2))
            .Add("keep to yourself", files.Take(2));
        if (options.Json)
        {
            sheet.Add(report);
        }

        sheet.Write("kvmsev.session-create/1", options.Json, context);
        Warn(options, context, policy, isSimulated);
        return ExitCode.Success;
    }

    private static void RequireFreePaths(SessionCreateOptions options, BlobEncoding encoding)
    {
        string directory = Path.GetDirectoryName(Path.GetFullPath(options.Prefix)) ?? "/";
        if (!Directory.Exists(directory))
        {
            throw new IOException($"--name: cannot write '{options.Prefix}_tek.bin': the directory does not exist");
        }

        if (!options.Force && LaunchSession.GetPaths(options.Prefix, encoding).FirstOrDefault(File.Exists) is { } existing)
        {
            throw new UsageException($"--name: '{existing}' exists", "take another name, or --force if its keys are no longer needed");
        }
    }

    private static SevCertificate ReadPdh(SessionCreateOptions options, out SevCertificateChain? chain, out BlobEncoding encoding)
    {
        (SevCertificate? cek, AskArk? authority) = CertificateFiles.ReadMissing(options.Cek, options.AskArk);
        if (!Directory.Exists(options.Chain))
        {
            EncodedBlob blob = EncodedBlob.DecodeAny(InputBlob.ReadContent("CHAIN", options.Chain));
            if (blob.Bytes.Length == SevCertificate.Size)
            {
                chain = null;
                encoding = blob.Encoding;
                return CertificateFiles.ReadCertificate("CHAIN", options.Chain, SevKeyUsage.Pdh);
            }
        }

        chain = CertificateFiles.Complete(
            CertificateFiles.ReadChain("CHAIN", options.Chain, out encoding), cek, options.Cek, authority);
        return chain.Pdh;
    }

    private static VerificationReport Verify(SessionCreateOptions options, SevCertificateChain? chain, out bool isSimulated)
    {
        isSimulated = chain?.Authority is { } authority && ChainWords.IsModel(authority.Ark.GetKeyFingerprint());
        if (chain is not null)
        {
            return SevChainVerifier.Verify(chain, ChainWords.Anchors(options.AllowSimulated));
        }

        CheckList checks = new();
        checks.NotChecked("chain", "the file holds a PDH alone: nothing says whose it is");
        return checks.ToReport();
    }

    // AMD first published the root of Naples without its signature; its key is pinned, so nothing hangs on that.
    private static bool IsProven(VerificationReport report) => report.Checks.Count > 1 && report.Checks.All(static check =>
        check.Outcome == CheckOutcome.Pass || check is { Name: "ark.self-signature", Outcome: CheckOutcome.NotChecked });

    private static int Refuse(SessionCreateOptions options, CliContext context, VerificationReport report, bool isSimulated)
    {
        if (options.Json)
        {
            new FactSheet().Add("chain", options.Chain).Add("simulated", isSimulated).Add("refused", true).Add(report)
                .Write("kvmsev.session-create/1", asJson: true, context);
        }

        ChainWords.WriteFailures(report, context);
        context.Error.WriteLine("kvmsev: the platform's chain is not proven; no session was made");
        string? hint = isSimulated && !options.AllowSimulated
            ? ChainWords.SimulatedRefused
            : report.Find("ark.pinned")?.Outcome == CheckOutcome.NotChecked
                ? "--ask-ark FILE: AMD publishes the ask_ark file of each generation of processors"
                : report.Find("cek.signed-by-ask")?.Outcome == CheckOutcome.Fail
                    ? "--cek FILE: AMD hands out the signed CEK at the address that 'kvmsev platform id' prints on the host"
                    : null;
        if (hint is not null)
        {
            context.Error.WriteLine($"  hint: {hint}");
        }

        return ExitCode.Failure;
    }

    private static void Warn(SessionCreateOptions options, CliContext context, SevPolicy policy, bool isSimulated)
    {
        if (options.Quiet)
        {
            return;
        }

        if (options.Unverified)
        {
            context.Error.WriteLine("kvmsev: NOT CHECKED: who holds the PDH's private key; whoever does can read the keys");
        }

        if (isSimulated && !options.Json)
        {
            context.Error.WriteLine("kvmsev: simulated: the chain's authority is the software PSP; nothing under it is confidential");
        }

        if (!policy.NoDebug)
        {
            context.Error.WriteLine("kvmsev: the policy lets the host read and write the guest's memory (nodbg is not set)");
        }
    }
}
