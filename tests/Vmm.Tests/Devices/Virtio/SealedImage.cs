using System.ComponentModel;
using System.Runtime.InteropServices;
using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Devices.Virtio;
using Serilog;
using Syscall = Mono.Unix.Native.Syscall;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>
/// A disk image in memory that the kernel lets nobody make longer: it is cut off behind the disk's back and sealed, and each write beyond
/// its end fails with EPERM, as one on a full file system does with ENOSPC.
/// </summary>
internal sealed class SealedImage : IDisposable
{
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int SealGrow = 4;

    private readonly int _descriptor;

    internal SealedImage(long length)
    {
        nint name = Marshal.StringToCoTaskMemUTF8("kvmsev-disk");
        _descriptor = Check(MemFdCreate(name, AllowSealing));
        Marshal.FreeCoTaskMem(name);
        _ = Check(Syscall.ftruncate(_descriptor, length));
    }

    internal VirtioBlock Open(ILogger log) =>
        new("disk0", DiskFile.Open($"/proc/self/fd/{_descriptor}", isReadOnly: false), 1, new BoundedLog(log));

    /// <summary>Cuts the image off for good.</summary>
    internal void CutOff(long length)
    {
        _ = Check(Syscall.ftruncate(_descriptor, length));
        _ = Check(FileControl(_descriptor, AddSeals, SealGrow));
    }

    public void Dispose() => _ = Syscall.close(_descriptor);

    private static int Check(int result) => result >= 0 ? result : throw new Win32Exception(Marshal.GetLastSystemError());

#pragma warning disable SYSLIB1054, CA5392 // LibraryImport needs unsafe code, which tests may not have.
    [DllImport("libc", EntryPoint = "memfd_create")]
    private static extern int MemFdCreate(nint name, uint flags);

    [DllImport("libc", EntryPoint = "fcntl")]
    private static extern int FileControl(int descriptor, int command, int argument);
#pragma warning restore SYSLIB1054, CA5392
}
