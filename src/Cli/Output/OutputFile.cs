using System.Globalization;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Output;

/// <summary>
/// A file that the program was asked to write: opened early, so that a bad path is known before any work is done, and put in place whole by
/// <see cref="Commit"/>. Disposing without it leaves whatever stood there untouched.
/// </summary>
/// <remarks>
/// The content goes to a hidden file beside the target, which a rename puts in its place; other programs never see half of it. Devices,
/// FIFOs and descriptors (<c>/dev/fd/3</c>) cannot be replaced by a rename and are written directly, as is a file whose directory admits no
/// new one. New files get mode 0600 unless their opener wants another, a file that is replaced keeps its mode. <c>-</c> and
/// <c>/dev/stdout</c> are the standard output.
/// </remarks>
internal sealed class OutputFile : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _option;
    private readonly string _target;
    private readonly string? _temporary;
    private bool _isFinished;

    private OutputFile(string option, string path, string target, string? temporary, Stream stream)
    {
        _option = option;
        Path = path;
        _target = target;
        _temporary = temporary;
        Stream = stream;
    }

    /// <summary>The path as the user wrote it.</summary>
    internal string Path { get; }

    /// <summary>Takes the content, unbuffered. Whoever writes may dispose it; it is not to be used after <see cref="Commit"/>.</summary>
    internal Stream Stream { get; }

    /// <summary>Opens a file for writing.</summary>
    /// <param name="option">The option that named it, for messages.</param>
    /// <param name="path">The path.</param>
    /// <param name="standardOutput">What <c>-</c> stands for; flushed, never closed.</param>
    /// <param name="newMode">The mode of a file that is new.</param>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    /// <exception cref="IOException">It cannot be written: a directory, a missing directory, a read-only or full file system.</exception>
    internal static OutputFile Open(string option, string path, Stream standardOutput, UnixFileMode newMode = OwnerOnly)
    {
        if (path is "-" or "/dev/stdout")
        {
            return new OutputFile(option, path, path, null, new KeepOpenStream(standardOutput));
        }

        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new IOException($"{option}: cannot write '{path}': not a file name");
        }

        return Named(option, path, () => FileKind.TypeOf(path) switch
        {
            FilePermissions.S_IFDIR => throw new IOException("it is a directory"),
            _ when IsDescriptor(path) => OpenDirectly(option, path),
            null => OpenBeside(option, path, ResolveLinks(path), newMode),
            FilePermissions.S_IFREG => OpenReplacement(option, path, ResolveLinks(path)),
            _ => OpenDirectly(option, path),
        });
    }

    /// <summary>Opens a file that others follow while it is written; mode 0600 when it is new.</summary>
    /// <param name="option">The option that named it, for messages.</param>
    /// <param name="path">The path.</param>
    /// <param name="append">Whether to keep what is in it; otherwise it is emptied now.</param>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal static FileStream OpenLive(string option, string path, bool append = false) => Named(option, path, () =>
    {
        FileStreamOptions how = new() { Access = FileAccess.Write, Share = FileShare.ReadWrite, BufferSize = 0 };
        switch (FileKind.TypeOf(path))
        {
            case FilePermissions.S_IFDIR:
                throw new IOException("it is a directory");
            case null or FilePermissions.S_IFREG:
                how.Mode = append ? FileMode.Append : FileMode.Create;
                how.UnixCreateMode = OwnerOnly;
                break;
            default:
                how.Mode = FileMode.Open;
                break;
        }

        return new FileStream(path, how);
    });

    /// <summary>Writes the whole content and puts it in its place.</summary>
    /// <param name="write">Writes to the stream it gets.</param>
    /// <exception cref="IOException">As <see cref="Commit"/>.</exception>
    internal void WriteAll(Action<Stream> write)
    {
        try
        {
            Named(_option, Path, () =>
            {
                write(Stream);
                return true;
            });
        }
        catch
        {
            Dispose();
            throw;
        }

        Commit();
    }

    /// <summary>Puts the content in its place.</summary>
    /// <exception cref="IOException">The disk is full or failed; nothing is left behind and what stood there before still does.</exception>
    internal void Commit()
    {
        try
        {
            _isFinished = Named(_option, Path, () =>
            {
                Stream.Dispose();
                if (_temporary is not null)
                {
                    File.Move(_temporary, _target, overwrite: true);
                }

                return true;
            });
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Forgets the content unless <see cref="Commit"/> has put it in place.</summary>
    public void Dispose()
    {
        if (_isFinished)
        {
            return;
        }

        _isFinished = true;
        try
        {
            Stream.Dispose();
        }
        catch (IOException)
        {
            // The content is thrown away: that its last bytes could not be written does not matter.
        }

        if (_temporary is not null)
        {
            File.Delete(_temporary);
        }
    }

    private static OutputFile OpenReplacement(string option, string path, string target)
    {
        // A rename needs no right to the old file, but replacing one that is write-protected is not what its owner wants.
        using (FileStream old = new(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0))
        {
        }

        try
        {
            return OpenBeside(option, path, target, File.GetUnixFileMode(target));
        }
        catch (UnauthorizedAccessException)
        {
            OutputFile direct = OpenDirectly(option, path);
            direct.Stream.SetLength(0);
            return direct;
        }
    }

    private static OutputFile OpenBeside(string option, string path, string target, UnixFileMode mode)
    {
        string directory = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(target)) ?? "/";
        string unique = $"{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}-{Guid.NewGuid():N}";
        string temporary = System.IO.Path.Combine(directory, $".kvmsev-{unique}.tmp");
        FileStream stream = new(
            temporary,
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.Read,
                BufferSize = 0,
                UnixCreateMode = OwnerOnly,
            });
        try
        {
            if (mode != OwnerOnly)
            {
                File.SetUnixFileMode(stream.SafeFileHandle, mode);
            }

            return new OutputFile(option, path, target, temporary, stream);
        }
        catch
        {
            stream.Dispose();
            File.Delete(temporary);
            throw;
        }
    }

    private static OutputFile OpenDirectly(string option, string path) =>
        new(option, path, path, null, new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0));

    // /dev/fd/3 may be a regular file that others write through the same descriptor: renaming over it would cut them off.
    private static bool IsDescriptor(string path) =>
        path is "/dev/stderr" || path.StartsWith("/dev/fd/", StringComparison.Ordinal)
            || path.StartsWith("/proc/", StringComparison.Ordinal);

    // A rename over a link would replace the link; a link that points to nothing yet is followed too.
    private static string ResolveLinks(string path) =>
        new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;

    // Every failure names the option and the path as the user wrote them; where the file itself would be new, "not found" means its
    // directory.
    private static T Named<T>(string option, string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (UnauthorizedAccessException error)
        {
            throw new UnauthorizedAccessException($"{option}: permission denied: '{path}'", error);
        }
        catch (IOException error) when (error is DirectoryNotFoundException or FileNotFoundException)
        {
            throw new IOException($"{option}: cannot write '{path}': the directory does not exist", error);
        }
        catch (IOException error) when (error is not ClosedPipeException)
        {
            throw new IOException($"{option}: cannot write '{path}': {FileKind.Explain(error)}", error);
        }
    }
}
