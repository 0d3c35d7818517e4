namespace KvmSevVmm.Cli.Tests;

/// <summary>A directory of its own for one test, with a kernel-like file in it.</summary>
internal sealed class TempDirectory : IDisposable
{
    public TempDirectory()
    {
        Root = Directory.CreateTempSubdirectory("kvmsev-cli-").FullName;
        Kernel = File("kernel");
        System.IO.File.WriteAllBytes(Kernel, new byte[4096]);
    }

    /// <summary>The directory.</summary>
    public string Root { get; }

    /// <summary>A readable file.</summary>
    public string Kernel { get; }

    /// <summary>The names of everything in the directory but the kernel, hidden files too, sorted.</summary>
    public string[] Names =>
    [
        .. Directory.GetFileSystemEntries(Root)
            .Select(path => Path.GetFileName(path))
            .Where(name => name != "kernel")
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>A path in the directory.</summary>
    public string File(string name) => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
