namespace KvmSevVmm.KvmNative.Errors;

/// <summary>Names and descriptions of <see cref="Errno"/>.</summary>
public static class ErrnoText
{
    /// <summary>The name and number, such as <c>EINVAL (22)</c>, or <c>errno 999</c> for a number without a name.</summary>
    /// <param name="errno">Any value.</param>
    public static string NameAndNumber(Errno errno)
    {
        string? name = Enum.GetName(errno);
        return name is null ? $"errno {(int)errno}" : $"{name} ({(int)errno})";
    }

    /// <summary>What an error number means in general, one sentence, or null for a number without a name.</summary>
    /// <param name="errno">Any value.</param>
    public static string? Description(Errno errno) => errno switch
    {
        Errno.EPERM => "Operation not permitted.",
        Errno.ENOENT => "No such file or directory.",
        Errno.ESRCH => "No such process or thread.",
        Errno.EINTR => "Interrupted by a signal.",
        Errno.EIO => "Input/output error.",
        Errno.ENXIO => "No such device.",
        Errno.E2BIG => "Argument list too long.",
        Errno.EBADF => "Bad file descriptor.",
        Errno.EAGAIN => "Try again.",
        Errno.ENOMEM => "Out of memory, or over a limit.",
        Errno.EACCES => "Permission denied.",
        Errno.EFAULT => "Bad address.",
        Errno.EBUSY => "Device or resource busy.",
        Errno.EEXIST => "Already exists.",
        Errno.EXDEV => "Cross-device link.",
        Errno.ENODEV => "No such device.",
        Errno.ENOTDIR => "Not a directory.",
        Errno.EISDIR => "Is a directory.",
        Errno.EINVAL => "Invalid argument.",
        Errno.ENFILE => "Too many open files in the system.",
        Errno.EMFILE => "Too many open files in the process.",
        Errno.ENOTTY => "Inappropriate ioctl for this descriptor.",
        Errno.ETXTBSY => "Text file busy.",
        Errno.EFBIG => "File too large.",
        Errno.ENOSPC => "No space left.",
        Errno.ESPIPE => "Illegal seek.",
        Errno.EROFS => "Read-only file system.",
        Errno.EPIPE => "Broken pipe.",
        Errno.ERANGE => "Result out of range.",
        Errno.ENAMETOOLONG => "File name too long.",
        Errno.ENOSYS => "Not implemented.",
        Errno.ELOOP => "Too many symbolic links.",
        Errno.EOVERFLOW => "Value too large.",
        Errno.EBADFD => "Descriptor in a bad state.",
        Errno.EOPNOTSUPP => "Not supported.",
        Errno.ENOBUFS => "No buffer space.",
        Errno.ETIMEDOUT => "Timed out.",
        Errno.ECANCELED => "Cancelled.",
        Errno.EHWPOISON => "The memory page has a hardware error.",
        _ => null,
    };
}
