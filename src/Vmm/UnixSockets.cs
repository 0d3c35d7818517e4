using System.Net.Sockets;
using Mono.Unix.Native;

namespace KvmSevVmm.Vmm;

/// <summary>Unix sockets by their paths.</summary>
internal static class UnixSockets
{
    /// <summary>The address of a path.</summary>
    /// <param name="option">The option that named it, for the message.</param>
    /// <param name="path">The path.</param>
    /// <exception cref="InvalidInputException">It is empty or too long for a socket.</exception>
    internal static UnixDomainSocketEndPoint EndPointOf(string option, string path)
    {
        try
        {
            return new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException error)
        {
            throw new InvalidInputException(option, path, "is no path for a socket; those have at most 107 bytes", error);
        }
    }

    /// <summary>Makes a stream socket's file, which only this user may connect to, and listens. The caller removes it at the end.</summary>
    /// <param name="endPoint">Where; it must not exist.</param>
    /// <param name="path">The same as a path.</param>
    /// <param name="backlog">Clients that may wait to be accepted.</param>
    /// <exception cref="SocketException">The socket cannot be made there.</exception>
    /// <exception cref="IOException">Its mode cannot be set.</exception>
    internal static Socket Listen(UnixDomainSocketEndPoint endPoint, string path, int backlog)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        bool isBound = false;
        try
        {
            socket.Bind(endPoint);
            isBound = true;

            // Before it listens, so that nobody else ever gets in.
            if (Syscall.chmod(path, FilePermissions.S_IRUSR | FilePermissions.S_IWUSR) != 0)
            {
                throw new IOException($"'{path}': its mode cannot be set");
            }

            socket.Listen(backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            if (isBound)
            {
                File.Delete(path);
            }

            throw;
        }
    }
}
