using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>An image in a regular file.</summary>
internal sealed class FileImageSource : ImageSource
{
    private readonly SafeFileHandle _file;

    private FileImageSource(string name, ulong length, SafeFileHandle file)
        : base(name, length)
    {
        _file = file;
    }

    /// <inheritdoc/>
    public override void Dispose() => _file.Dispose();

    internal static FileImageSource OpenFile(string path)
    {
        if (path.Length == 0)
        {
            throw new InvalidInputException("''", "path", "is empty");
        }

        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new InvalidInputException(path.Replace("\0", "\\0", StringComparison.Ordinal), "path", "holds a NUL character");
        }

        // Opening a FIFO waits for a writer, so look before. When stat(2) fails, opening fails too and says why.
        if (Syscall.stat(path, out Stat status) == 0 && DescribeWrongType(status.st_mode) is string type)
        {
            throw new InvalidInputException(path, "file type", $"is {type}; a regular file is needed");
        }

        SafeFileHandle file = File.OpenHandle(path);
        try
        {
            return new FileImageSource(path, (ulong)RandomAccess.GetLength(file), file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private protected override int Read(Span<byte> destination, ulong offset) =>
        RandomAccess.Read(_file, destination, checked((long)offset));

    private static string? DescribeWrongType(FilePermissions mode) => (mode & FilePermissions.S_IFMT) switch
    {
        FilePermissions.S_IFREG => null,
        FilePermissions.S_IFDIR => "a directory",
        FilePermissions.S_IFIFO => "a pipe",
        FilePermissions.S_IFSOCK => "a socket",
        FilePermissions.S_IFCHR => "a character device",
        FilePermissions.S_IFBLK => "a block device",
        _ => "of a type that cannot be read",
    };
}
