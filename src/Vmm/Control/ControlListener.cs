using System.Net.Sockets;
using KvmSevVmm.KvmNative;
using Mono.Unix.Native;

namespace KvmSevVmm.Vmm.Control;

/// <summary>
/// The socket's file: made for its user alone, in the place of one that a dead monitor left, and removed at the end. A lock file beside it
/// (<c>PATH.lock</c>), which the kernel unlocks however its holder ends, tells a dead monitor from a living one.
/// </summary>
internal sealed class ControlListener : IDisposable
{
    private const string Option = "--api-socket";
    private const int Backlog = 128;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _path;
    private readonly FileStream _lock;

    private ControlListener(string path, FileStream held, Socket socket)
    {
        _path = path;
        _lock = held;
        Socket = socket;
    }

    /// <summary>The listening socket.</summary>
    internal Socket Socket { get; }

    /// <summary>Makes the socket.</summary>
    /// <param name="path">Where.</param>
    /// <exception cref="InvalidInputException">The path is too long, or something else than a socket stands there.</exception>
    /// <exception cref="IOException">Another program listens there, or the socket cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made there.</exception>
    internal static ControlListener Open(string path)
    {
        UnixDomainSocketEndPoint endPoint = UnixSockets.EndPointOf(Option, path);
        FileStream held = TakeLock(path);
        try
        {
            RemoveStale(path, endPoint);
            return new ControlListener(path, held, UnixSockets.Listen(endPoint, path, Backlog));
        }
        catch (Exception failure)
        {
            Unlock(path, held);
            if (failure is SocketException)
            {
                throw new IOException($"{Option}: cannot listen at '{path}': {failure.Message}", failure);
            }

            throw;
        }
    }

    /// <summary>Stops listening and removes the socket's file.</summary>
    public void Dispose()
    {
        Socket.Dispose();
        File.Delete(_path);
        Unlock(_path, _lock);
    }

    private static string LockOf(string path) => path + ".lock";

    private static FileStream TakeLock(string path)
    {
        while (true)
        {
            FileStream held;
            try
            {
                FileStreamOptions options = new()
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                };
                if (!OperatingSystem.IsWindows())
                {
                    options.UnixCreateMode = OwnerOnly;
                }

                held = new FileStream(LockOf(path), options);
            }
            catch (DirectoryNotFoundException error)
            {
                throw new IOException($"{Option}: cannot listen at '{path}': the directory does not exist", error);
            }
            catch (UnauthorizedAccessException error)
            {
                throw new UnauthorizedAccessException($"{Option}: cannot listen at '{path}': permission denied", error);
            }
            catch (IOException error)
            {
                throw new IOException($"{Option}: another kvmsev holds '{path}', or its lock cannot be taken: {error.Message}", error);
            }

            if (!FileLock.TryTake(held.SafeFileHandle))
            {
                held.Dispose();
                throw new IOException($"{Option}: another kvmsev holds '{path}'");
            }

            // Between opening and locking, its last holder may have removed it; a lock on a removed file keeps nobody out.
            if (Syscall.fstat((int)held.SafeFileHandle.DangerousGetHandle(), out Stat mine) == 0
                && Syscall.stat(LockOf(path), out Stat there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
            {
                return held;
            }

            held.Dispose();
        }
    }

    private static void Unlock(string path, FileStream held)
    {
        File.Delete(LockOf(path));
        held.Dispose();
    }

    private static void RemoveStale(string path, UnixDomainSocketEndPoint endPoint)
    {
        if (Syscall.lstat(path, out Stat status) != 0)
        {
            return;
        }

        if ((status.st_mode & FilePermissions.S_IFMT) != FilePermissions.S_IFSOCK)
        {
            throw new InvalidInputException(Option, path, "exists and is no socket");
        }

        // Other programs do not know of the lock.
        using Socket trial = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            trial.Connect(endPoint);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }

        throw new IOException($"{Option}: another program listens at '{path}'");
    }
}
