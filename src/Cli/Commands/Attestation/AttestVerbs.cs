using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>The verbs behind <c>kvmsev attest</c>.</summary>
internal static class AttestVerbs
{
    /// <summary>All of them.</summary>
    internal static readonly VerbGroup Group = new(
        "attest",
        "Verify and show what a platform says of a guest.",
        [AttestVerifyCommand.Verb, AttestShowCommand.Verb],
        []);
}
