using IoPath = System.IO.Path;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>A directory that goes away with its files.</summary>
internal sealed class TempDirectory : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("kvmsev-test-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);

    internal string Write(string name, byte[] content)
    {
        string path = IoPath.Combine(Path, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>Makes a file of zeros that takes no room on the disk.</summary>
    internal string Sparse(string name, long length)
    {
        string path = IoPath.Combine(Path, name);
        using FileStream file = File.Create(path);
        file.SetLength(length);
        return path;
    }
}
