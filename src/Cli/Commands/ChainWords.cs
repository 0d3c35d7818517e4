using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands;

/// <summary>What an owner must know of the root that a platform's chain ends at.</summary>
internal static class ChainWords
{
    /// <summary>What to say of a model's chain that nobody allowed.</summary>
    internal const string SimulatedRefused =
        "the chain ends at the software PSP's root, whose private key is published: --allow-simulated accepts it, for trying things out";

    /// <summary>The accepted roots: AMD's, and the model's if the user says so.</summary>
    /// <param name="allowSimulated">Whether the user does.</param>
    internal static TrustAnchors Anchors(bool allowSimulated) => allowSimulated ? PspAuthority.TrustingModel : TrustAnchors.AmdOnly;

    /// <summary>Whether a root key is the model's.</summary>
    /// <param name="fingerprint">The key's fingerprint.</param>
    internal static bool IsModel(ReadOnlySpan<byte> fingerprint) =>
        fingerprint.SequenceEqual(PspAuthority.Certificates.Ark.GetKeyFingerprint());

    /// <summary>Writes the checks that did not pass to stderr.</summary>
    /// <param name="report">What a verifier found.</param>
    /// <param name="context">Takes the words.</param>
    internal static void WriteFailures(VerificationReport report, CliContext context)
    {
        foreach (CheckResult check in report.Checks.Where(static check => check.Outcome != CheckOutcome.Pass))
        {
            context.Error.WriteLine($"kvmsev: {OneLine.Clean(check.ToString())}");
        }
    }
}
