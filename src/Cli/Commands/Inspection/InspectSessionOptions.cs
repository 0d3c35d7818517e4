using CommandLine;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary>The options of <c>inspect session</c>.</summary>
[Verb("session", HelpText = "Show the fields of a launch session.")]
internal sealed class InspectSessionOptions : InspectOptions;
