using KvmSevVmm.Vmm;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Output;

/// <summary>Looks at what a path names without opening it: opening a FIFO would block.</summary>
internal static class FileKind
{
    /// <summary>Refuses an input that cannot be read as a file, before any work is done for it.</summary>
    /// <param name="option">The option or argument that named it, for the message.</param>
    /// <param name="path">The path.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidInputException">It is a directory, FIFO, socket or device.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="IOException">It cannot be looked at or opened.</exception>
    internal static void RequireReadableFile(string option, string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new FileNotFoundException($"{option}: no such file: '{path}'");
        }

        FilePermissions? type = TypeOf(option, path);
        if (type is null)
        {
            throw new FileNotFoundException($"{option}: no such file: '{path}'");
        }

        if (type != FilePermissions.S_IFREG)
        {
            throw new InvalidInputException(option, path, $"is {NameOf(type.Value)}, not a file");
        }

        try
        {
            using FileStream probe = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new UnauthorizedAccessException($"{option}: permission denied: '{path}'", error);
        }
    }

    /// <summary>The S_IFMT part of the mode of what a path names, links followed; null when it names nothing.</summary>
    /// <param name="option">The option or argument that named it, for the message.</param>
    /// <param name="path">The path.</param>
    /// <exception cref="UnauthorizedAccessException">A directory on the way may not be searched.</exception>
    /// <exception cref="IOException">stat(2) failed otherwise.</exception>
    internal static FilePermissions? TypeOf(string option, string path)
    {
        if (Syscall.stat(path, out Stat status) == 0)
        {
            return status.st_mode & FilePermissions.S_IFMT;
        }

        Errno errno = Stdlib.GetLastError();
        return errno switch
        {
            Errno.ENOENT or Errno.ENOTDIR => null,
            Errno.EACCES => throw new UnauthorizedAccessException($"{option}: permission denied: '{path}'"),
            _ => throw new IOException($"{option}: cannot look at '{path}': {errno}"),
        };
    }

    /// <summary>The kind as a phrase.</summary>
    /// <param name="type">The S_IFMT part of a mode.</param>
    internal static string NameOf(FilePermissions type) => type switch
    {
        FilePermissions.S_IFREG => "a file",
        FilePermissions.S_IFDIR => "a directory",
        FilePermissions.S_IFIFO => "a FIFO",
        FilePermissions.S_IFSOCK => "a socket",
        FilePermissions.S_IFCHR => "a character device",
        FilePermissions.S_IFBLK => "a block device",
        _ => "something unknown",
    };
}
