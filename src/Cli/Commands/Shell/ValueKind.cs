namespace KvmSevVmm.Cli.Commands.Shell;

/// <summary>What a shell offers for the value of an option or for an argument.</summary>
internal enum ValueKind
{
    /// <summary>Nothing: a number, a pattern, bytes.</summary>
    Nothing,

    /// <summary>Files.</summary>
    File,

    /// <summary>Directories.</summary>
    Directory,

    /// <summary>The few words that there are.</summary>
    Words,
}
