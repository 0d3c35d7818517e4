using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.KvmNative.Interop;

namespace KvmSevVmm.KvmNative;

/// <content>KVM_MEMORY_ENCRYPT_OP and the registration of encrypted memory.</content>
public sealed partial class KvmVm
{
    /// <summary>Stands for "no /dev/sev" where a command wants one; 0 would be a valid descriptor.</summary>
    public const int NoSevDevice = -1;

    /// <summary>Issues a SEV command that has a payload.</summary>
    /// <typeparam name="T">The structure that the kernel declares for the command.</typeparam>
    /// <param name="id">The command.</param>
    /// <param name="payload">Its arguments; what the kernel writes back is there after a failure too.</param>
    /// <param name="sevFd">The descriptor of /dev/sev (<see cref="SevDevice"/>), or <see cref="NoSevDevice"/>.</param>
    /// <exception cref="SevCommandException">The kernel or the firmware refused; names the firmware's error.</exception>
    public unsafe void MemoryEncrypt<T>(SevCommandId id, ref T payload, int sevFd)
        where T : unmanaged
    {
        // SAFETY: T is the command's structure, whose size the layout tests compare with the kernel's; it stays pinned.
        fixed (T* data = &payload)
        {
            IssueSevCommand(id, (ulong)data, sevFd);
        }
    }

    /// <summary>Issues a SEV command without a payload.</summary>
    /// <param name="id">The command.</param>
    /// <param name="sevFd">The descriptor of /dev/sev (<see cref="SevDevice"/>), or <see cref="NoSevDevice"/>.</param>
    /// <exception cref="SevCommandException">The kernel or the firmware refused; names the firmware's error.</exception>
    public void MemoryEncrypt(SevCommandId id, int sevFd) => IssueSevCommand(id, 0, sevFd);

    /// <summary>Asks whether the kernel takes SEV commands for this machine.</summary>
    /// <returns>Null if it does; otherwise the error number: ENOTTY (25) where KVM has no SEV.</returns>
    public int? ProbeMemoryEncryption()
    {
        // The kernel answers 0 to a null pointer if SEV is there; older ones tried to read it first: EFAULT.
        _ = Ioctl.TryCall(_fd, IoctlNumbers.MemoryEncryptOp, 0, out int errno);
        return errno is 0 or (int)Errno.EFAULT ? null : errno;
    }

    /// <summary>Pins host memory and marks it as encrypted guest memory.</summary>
    /// <param name="hva">The first byte; a multiple of the page size.</param>
    /// <param name="size">Bytes; a multiple of the page size.</param>
    /// <exception cref="KvmException">ENOMEM: RLIMIT_MEMLOCK is too small; ENOTTY: no SEV.</exception>
    public void RegisterEncryptedRegion(nuint hva, ulong size)
    {
        KvmEncRegion argument = new() { Addr = hva, Size = size };
        Ioctl.Set(_fd, IoctlNumbers.MemoryEncryptRegRegion, in argument);
    }

    /// <summary>Ends what <see cref="RegisterEncryptedRegion"/> began.</summary>
    /// <param name="hva">The very address it was registered with.</param>
    /// <param name="size">The very size it was registered with.</param>
    /// <exception cref="KvmException">EINVAL: no such region.</exception>
    public void UnregisterEncryptedRegion(nuint hva, ulong size)
    {
        KvmEncRegion argument = new() { Addr = hva, Size = size };
        Ioctl.Set(_fd, IoctlNumbers.MemoryEncryptUnregRegion, in argument);
    }

    private void IssueSevCommand(SevCommandId id, ulong data, int sevFd)
    {
        KvmSevCmd command = new() { Id = (uint)id, Data = data, SevFd = unchecked((uint)sevFd) };
        int errno = Ioctl.TryExchange(_fd, IoctlNumbers.MemoryEncryptOp, ref command);
        if (errno != 0)
        {
            throw SevCommandException.FromErrno(id, errno, command.Error);
        }
    }
}
