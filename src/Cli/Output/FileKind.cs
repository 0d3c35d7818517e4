using System.Runtime.InteropServices;
using KvmSevVmm.Vmm;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Output;

/// <summary>Looks at what a path names without opening it: opening a FIFO would block.</summary>
internal static class FileKind
{
    // Linux numbers its errors from 1 to 133; other values of HResult are the runtime's own.
    private const int LargestErrno = 133;

    /// <summary>Opens an input, if it is a file and can be read.</summary>
    /// <param name="option">The option or argument that named it, for the message.</param>
    /// <param name="path">The path.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidInputException">It is a directory, FIFO, socket or device.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="IOException">It cannot be looked at or opened.</exception>
    internal static FileStream OpenInput(string option, string path)
    {
        try
        {
            FilePermissions? type = path.Length == 0 || path.Contains('\0', StringComparison.Ordinal) ? null : TypeOf(path);
            return type switch
            {
                null => throw new FileNotFoundException(),
                FilePermissions.S_IFREG => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete),
                _ => throw new InvalidInputException(option, path, $"is {NameOf(type.Value)}, not a file"),
            };
        }
        catch (IOException error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException($"{option}: no such file: '{path}'", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new UnauthorizedAccessException($"{option}: permission denied: '{path}'", error);
        }
        catch (IOException error)
        {
            throw new IOException($"{option}: cannot read '{path}': {Explain(error)}", error);
        }
    }

    /// <summary>The S_IFMT part of the mode of what a path names, links followed; null when it names nothing.</summary>
    /// <param name="path">The path.</param>
    /// <exception cref="UnauthorizedAccessException">A directory on the way may not be searched.</exception>
    /// <exception cref="IOException">stat(2) failed otherwise.</exception>
    internal static FilePermissions? TypeOf(string path)
    {
        if (Syscall.stat(path, out Stat status) == 0)
        {
            return status.st_mode & FilePermissions.S_IFMT;
        }

        int errno = Marshal.GetLastPInvokeError();
        return NativeConvert.ToErrno(errno) switch
        {
            Errno.ENOENT or Errno.ENOTDIR => null,
            Errno.EACCES => throw new UnauthorizedAccessException(Marshal.GetPInvokeErrorMessage(errno)),
            _ => throw new IOException(Marshal.GetPInvokeErrorMessage(errno), errno),
        };
    }

    /// <summary>
    /// What the kernel said, without the runtime's additions (which name temporary files); the message itself where there is no errno.
    /// </summary>
    /// <param name="error">A failed file operation.</param>
    internal static string Explain(IOException error) =>
        error.HResult is > 0 and <= LargestErrno ? Marshal.GetPInvokeErrorMessage(error.HResult) : error.Message;

    private static string NameOf(FilePermissions type) => type switch
    {
        FilePermissions.S_IFDIR => "a directory",
        FilePermissions.S_IFIFO => "a FIFO",
        FilePermissions.S_IFSOCK => "a socket",
        FilePermissions.S_IFCHR => "a character device",
        FilePermissions.S_IFBLK => "a block device",
        _ => "something unknown",
    };
}
