using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Devices.Virtio;
using Serilog.Core;

namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>A sparse file that serves as a disk, and goes with the test.</summary>
internal sealed class DiskImage : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-disk-").FullName;

    internal DiskImage(long length)
    {
        Path = System.IO.Path.Combine(_folder, "disk.img");
        using FileStream file = File.Create(Path);
        file.SetLength(length);
    }

    internal string Path { get; }

    internal VirtioBlock Open(bool isReadOnly = false, int queues = 1) =>
        new("disk0", DiskFile.Open(Path, isReadOnly), queues, new BoundedLog(Logger.None));

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
