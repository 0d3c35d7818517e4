using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;
using OpenFlags = Mono.Unix.Native.OpenFlags;

namespace KvmSevVmm.KvmNative;

/// <summary>The SEV firmware's device: platform commands, and the descriptor that guest commands name.</summary>
/// <remarks>Keep it open as long as a SEV guest lives: KVM remembers the number of the descriptor, not the file.</remarks>
public sealed unsafe class SevDevice : FdHandle
{
    /// <summary>Where Linux puts the device.</summary>
    public const string DefaultPath = "/dev/sev";

    private SevDevice(int descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Opens the device for reading and writing.</summary>
    /// <param name="path">The device's path.</param>
    /// <exception cref="KvmException">open(2) failed: ENOENT where the ccp driver found no SEV firmware, EACCES.</exception>
    public static SevDevice Open(string path = DefaultPath) => new(OpenDescriptor(path, OpenFlags.O_RDWR));

    /// <summary>Issues a platform command that has a payload.</summary>
    /// <typeparam name="T">The structure that the kernel declares for the command.</typeparam>
    /// <param name="id">The command.</param>
    /// <param name="payload">Its arguments; what the kernel writes back is there after a failure too.</param>
    /// <exception cref="SevCommandException">The kernel or the firmware refused; names the firmware's error.</exception>
    public void Issue<T>(PlatformCommandId id, ref T payload)
        where T : unmanaged
    {
        // SAFETY: T is the command's structure, whose size the layout tests compare with the kernel's; it stays pinned.
        fixed (T* data = &payload)
        {
            IssueCommand(id, (ulong)data);
        }
    }

    /// <summary>Issues a platform command without a payload.</summary>
    /// <param name="id">The command.</param>
    /// <exception cref="SevCommandException">The kernel or the firmware refused; names the firmware's error.</exception>
    public void Issue(PlatformCommandId id) => IssueCommand(id, 0);

    private void IssueCommand(PlatformCommandId id, ulong data)
    {
        SevIssueCmd command = new() { Cmd = (uint)id, Data = data };
        int errno = Ioctl.TryExchange(this, IoctlNumbers.SevIssueCmd, ref command);
        if (errno != 0)
        {
            throw SevCommandException.FromErrno(id, errno, command.Error);
        }
    }
}
