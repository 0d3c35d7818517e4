using KvmSevVmm.Cli.Parsing;

namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary>The verbs behind <c>kvmsev secret</c>.</summary>
internal static class SecretVerbs
{
    /// <summary>All of them.</summary>
    internal static readonly VerbGroup Group = new(
        "secret",
        "Hand secrets to a guest that was launched and measured.",
        [SecretPackageCommand.Verb, SecretInjectCommand.Verb],
        []);
}
