using KvmSevVmm.Cli.Output;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Tests.Output;

public sealed class OutputFileTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void NotCommitted_LeavesNothing()
    {
        using (OutputFile file = OutputFile.Open("--x", _directory.File("new"), Stream.Null))
        {
            file.Stream.Write("half"u8);
            Assert.Single(_directory.Names);
        }

        Assert.Empty(_directory.Names);
    }

    [Fact]
    public void NotCommitted_LeavesTheOldFile()
    {
        File.WriteAllText(_directory.File("old"), "old");

        using (OutputFile file = OutputFile.Open("--x", _directory.File("old"), Stream.Null))
        {
            file.Stream.Write("half"u8);
        }

        Assert.Equal(["old"], _directory.Names);
        Assert.Equal("old", File.ReadAllText(_directory.File("old")));
    }

    [Fact]
    public void Committed_ReplacesTheOldFile_AndKeepsItsMode()
    {
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        File.WriteAllText(_directory.File("old"), "a longer old content");
        File.SetUnixFileMode(_directory.File("old"), Mode);
        using FileStream reader = File.OpenRead(_directory.File("old"));

        Write(_directory.File("old"), "new"u8);

        Assert.Equal(["old"], _directory.Names);
        Assert.Equal("new", File.ReadAllText(_directory.File("old")));
        Assert.Equal(Mode, File.GetUnixFileMode(_directory.File("old")));
        Assert.Equal("a longer old content", new StreamReader(reader).ReadToEnd());
    }

    [Fact]
    public void Committed_AfterTheWriterClosedTheStream_IsThere()
    {
        using OutputFile file = OutputFile.Open("--x", _directory.File("new"), Stream.Null);
        file.Stream.Write("all"u8);
        file.Stream.Dispose();

        file.Commit();

        Assert.Equal("all", File.ReadAllText(_directory.File("new")));
    }

    [Fact]
    public void WriterFails_LeavesNothing_AndNamesThePath()
    {
        using OutputFile file = OutputFile.Open("--x", _directory.File("new"), Stream.Null);

        IOException error = Assert.Throws<IOException>(() => file.WriteAll(stream =>
        {
            stream.Write("half"u8);
            throw new IOException("No space left on device : '/tmp/hidden'", (int)Errno.ENOSPC);
        }));

        Assert.Equal($"--x: cannot write '{_directory.File("new")}': No space left on device", error.Message);
        Assert.Empty(_directory.Names);
    }

    [Fact]
    public void Link_IsFollowed_NotReplaced()
    {
        File.WriteAllText(_directory.File("target"), "old");
        File.CreateSymbolicLink(_directory.File("link"), _directory.File("target"));
        File.CreateSymbolicLink(_directory.File("dangling"), "fresh");

        Write(_directory.File("link"), "new"u8);
        Write(_directory.File("dangling"), "made"u8);

        Assert.Equal("new", File.ReadAllText(_directory.File("target")));
        Assert.Equal("made", File.ReadAllText(_directory.File("fresh")));
        Assert.NotNull(new FileInfo(_directory.File("link")).LinkTarget);
    }

    [Fact]
    public void Device_IsWrittenNotReplaced()
    {
        Write("/dev/null", "gone"u8);

        Assert.Equal(FilePermissions.S_IFCHR, FileKind.TypeOf("/dev/null"));
    }

    [Fact]
    public async Task Fifo_IsWrittenNotReplaced()
    {
        string fifo = _directory.File("fifo");
        Assert.Equal(0, Syscall.mkfifo(fifo, FilePermissions.DEFFILEMODE));
        Task<string> reader = Task.Run(() => File.ReadAllText(fifo), TestContext.Current.CancellationToken);

        Write(fifo, "through"u8);

        Assert.Equal("through", await reader.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal(FilePermissions.S_IFIFO, FileKind.TypeOf(fifo));
    }

    [Theory]
    [InlineData("-")]
    [InlineData("/dev/stdout")]
    public void StandardOutput_IsWrittenAndStaysOpen(string path)
    {
        using MemoryStream output = new();
        using (OutputFile file = OutputFile.Open("--x", path, output))
        {
            file.Stream.Write("one "u8);
            file.Stream.Dispose();
            file.Commit();
        }

        output.Write("two"u8);

        Assert.Equal("one two"u8, output.ToArray());
    }

    [Fact]
    public void Descriptor_IsNotReplaced()
    {
        string path = _directory.File("shared");
        using FileStream open = new(path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite);
        string descriptor = $"/proc/self/fd/{open.SafeFileHandle.DangerousGetHandle()}";

        Write(descriptor, "both"u8);
        open.Position = 4;
        open.Write(" see"u8);
        open.Flush();

        open.Position = 0;
        Assert.Equal("both see", new StreamReader(open).ReadToEnd());
    }

    [Fact]
    public void BadPaths_AreExplained()
    {
        Fails<IOException>(_directory.Root, "cannot write '{0}': it is a directory");
        Fails<IOException>(_directory.File("no/such"), "cannot write '{0}': the directory does not exist");
        Fails<IOException>(_directory.Kernel + "/x", "cannot write '{0}': the directory does not exist");
        Fails<IOException>("a\0b", "cannot write '{0}': not a file name");
        Fails<IOException>(_directory.File(new string('a', 300)), "cannot write '{0}': File name too long");
    }

    [Fact]
    public void NoRight_IsPermission()
    {
        File.WriteAllText(_directory.File("protected"), "x");
        File.SetUnixFileMode(_directory.File("protected"), UnixFileMode.UserRead);
        File.SetUnixFileMode(_directory.Root, (UnixFileMode)0b111_101_101);

        Unprivileged.Run(() =>
        {
            Fails<UnauthorizedAccessException>(_directory.File("protected"), "permission denied: '{0}'");
            Fails<UnauthorizedAccessException>(_directory.File("new"), "permission denied: '{0}'");
            return true;
        });
    }

    [Fact]
    public void WritableFileInAProtectedDirectory_IsWrittenInPlace()
    {
        File.WriteAllText(_directory.File("mine"), "a longer old content");
        File.SetUnixFileMode(_directory.File("mine"), (UnixFileMode)0b110_110_110);
        File.SetUnixFileMode(_directory.Root, (UnixFileMode)0b111_101_101);

        Unprivileged.Run(() =>
        {
            Write(_directory.File("mine"), "new"u8);
            return true;
        });

        Assert.Equal("new", File.ReadAllText(_directory.File("mine")));
    }

    private static void Write(string path, ReadOnlySpan<byte> content)
    {
        using OutputFile file = OutputFile.Open("--x", path, Stream.Null);
        file.Stream.Write(content);
        file.Commit();
    }

    private static void Fails<T>(string path, string message)
        where T : Exception =>
        Assert.Equal(
            "--x: " + string.Format(null, message, path),
            Assert.Throws<T>(() => OutputFile.Open("--x", path, Stream.Null)).Message);
}
