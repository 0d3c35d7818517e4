namespace KvmSevVmm.Cli.Values;

/// <summary>Kinds of <see cref="SerialTarget"/>.</summary>
internal enum SerialKind
{
    /// <summary>This program's stdin and stdout.</summary>
    Tty = 0,

    /// <summary>Nowhere: output is dropped, no input comes.</summary>
    Off = 1,

    /// <summary>A file takes the output; no input comes.</summary>
    File = 2,
}
