namespace KvmSevVmm.Cli.Tests;

/// <summary>What one run of the program left.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error, byte[] OutputBytes)
{
    /// <summary>The lines on stderr.</summary>
    public string[] ErrorLines => Error.Length == 0 ? [] : Error.TrimEnd('\n').Split('\n');

    /// <summary>Asserts one error line, one optional hint line and nothing else, neither on stderr nor on stdout.</summary>
    public CliResult AssertFailure(int exitCode, string message, string? hint = null)
    {
        Assert.Equal(hint is null ? [$"kvmsev: {message}"] : [$"kvmsev: {message}", $"  hint: {hint}"], ErrorLines);
        Assert.Equal(exitCode, ExitCode);
        Assert.Equal(string.Empty, Output);
        return this;
    }
}
