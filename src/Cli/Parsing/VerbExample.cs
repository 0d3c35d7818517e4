namespace KvmSevVmm.Cli.Parsing;

/// <summary>A command line that a user may copy.</summary>
/// <param name="Purpose">What it is for, one line.</param>
/// <param name="Arguments">The words after <c>kvmsev</c>.</param>
internal sealed record VerbExample(string Purpose, params string[] Arguments);
