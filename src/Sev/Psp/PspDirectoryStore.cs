using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace KvmSevVmm.Sev.Psp;

/// <summary>
/// A platform that lives in a directory: <c>platform.json</c> (its state, replaced whole), <c>platform.lock</c> (held during a command),
/// and a locked file for each guest, which the kernel unlocks when its process ends however it ends.
/// </summary>
internal sealed class PspDirectoryStore : PspStore
{
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode PrivateDirectory = PrivateFile | UnixFileMode.UserExecute;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly string _directory;
    private readonly Lock _lock = new();
    private FileStream? _held;
    private int _depth;

    /// <summary>Opens a platform's directory, which is made if it is not there.</summary>
    /// <param name="directory">The directory.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    internal PspDirectoryStore(string directory)
    {
        _directory = directory;
        CreateDirectory(directory);
        CreateDirectory(GuestDirectory);
    }

    internal bool HasState => File.Exists(StatePath);

    private string StatePath => Path.Combine(_directory, "platform.json");

    private string GuestDirectory => Path.Combine(_directory, "guests");

    internal override IDisposable Enter()
    {
        _lock.Enter();
        if (_depth++ > 0)
        {
            return new Held(this);
        }

        try
        {
            long start = Stopwatch.GetTimestamp();
            FileStream? file;
            while (!TryLock(Path.Combine(_directory, "platform.lock"), out file))
            {
                if (Stopwatch.GetElapsedTime(start) > Patience)
                {
                    throw new IOException($"{_directory}: another program has held the platform for {Patience.TotalSeconds:0} s");
                }

                Thread.Sleep(Pause);
            }

            _held = file;
            return new Held(this);
        }
        catch
        {
            _depth = 0;
            _lock.Exit();
            throw;
        }
    }

    internal override PspState Load()
    {
        byte[] content = File.ReadAllBytes(StatePath);
        try
        {
            return PspStateFile.Parse(content, StatePath);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    internal override void Save(PspState state)
    {
        string temporary = $"{StatePath}.{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}.tmp";
        byte[] content = PspStateFile.Serialize(state);
        try
        {
            // Whoever died here before us left a file that nobody else can mean.
            File.Delete(temporary);
            using (FileStream stream = new(temporary, MakeOptions(FileMode.CreateNew, FileShare.None)))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, StatePath, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    internal override IDisposable? TryTakeHandle(uint maximum, out uint handle)
    {
        for (handle = 1; handle <= maximum; handle++)
        {
            string path = Path.Combine(GuestDirectory, handle.ToString(CultureInfo.InvariantCulture));
            if (TryLock(path, out FileStream? file))
            {
                return new Guest(this, path, file);
            }
        }

        return null;
    }

    internal override uint CountHandles()
    {
        uint count = 0;
        foreach (string path in Directory.EnumerateFiles(GuestDirectory))
        {
            if (TryLock(path, out FileStream? file))
            {
                // Its process has ended without cleaning up.
                using (file)
                {
                    File.Delete(path);
                }
            }
            else
            {
                count++;
            }
        }

        return count;
    }

    public override void Dispose()
    {
        // Locks are held during commands and by guests only.
    }

    private static bool TryLock(string path, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out FileStream? file)
    {
        try
        {
            file = new FileStream(path, MakeOptions(FileMode.OpenOrCreate, FileShare.None));
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            file = null;
            return false;
        }
    }

    private static FileStreamOptions MakeOptions(FileMode mode, FileShare share)
    {
        FileStreamOptions options = new() { Mode = mode, Access = FileAccess.ReadWrite, Share = share };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = PrivateFile;
        }

        return options;
    }

    private static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, PrivateDirectory);
        }
    }

    private void Leave()
    {
        if (--_depth == 0)
        {
            _held?.Dispose();
            _held = null;
        }

        _lock.Exit();
    }

    private sealed class Held(PspDirectoryStore store) : IDisposable
    {
        private bool _isDisposed;

        public void Dispose()
        {
            if (!_isDisposed)
            {
                _isDisposed = true;
                store.Leave();
            }
        }
    }

    private sealed class Guest(PspDirectoryStore store, string path, FileStream file) : IDisposable
    {
        public void Dispose()
        {
            using (file)
            {
                try
                {
                    // Inside, so that nobody has opened the file that goes away and then locks what has no name any more.
                    using IDisposable held = store.Enter();
                    File.Delete(path);
                }
                catch (IOException)
                {
                    // The file stays, unlocked: whoever counts the guests next removes it.
                }
            }
        }
    }
}
