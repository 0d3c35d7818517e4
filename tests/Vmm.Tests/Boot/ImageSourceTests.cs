using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using Mono.Unix.Native;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

public sealed class ImageSourceTests
{
    private const int TimeoutMs = 10_000;

    [Fact(Timeout = TimeoutMs)]
    public async Task Open_Fifo_IsRefusedAndDoesNotHang()
    {
        using TempDirectory directory = new();
        string path = Path.Combine(directory.Path, "fifo");
        Assert.Equal(0, Syscall.mkfifo(path, FilePermissions.S_IRUSR | FilePermissions.S_IWUSR));

        InvalidInputException e = await Task.Run(
            () => Assert.Throws<InvalidInputException>(() => KernelImage.Open(path)), TestContext.Current.CancellationToken);

        Assert.Equal($"{path}: file type: is a pipe; a regular file is needed", e.Message);
    }

    [Theory]
    [InlineData("/dev/zero", "is a character device")]
    [InlineData("/dev/null", "is a character device")]
    [InlineData("/tmp", "is a directory")]
    [InlineData("/proc/self/fd", "is a directory")]
    public void Open_NoRegularFile_SaysWhatItIs(string path, string problem)
    {
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => KernelImage.Open(path));

        Assert.Equal("file type", e.Field);
        Assert.Equal(path, e.Input);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_Socket_SaysWhatItIs()
    {
        using TempDirectory directory = new();
        string path = Path.Combine(directory.Path, "socket");
        using System.Net.Sockets.Socket socket = new(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => ImageSource.Open(path));

        Assert.Contains("is a socket", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_LinkToADirectory_IsFollowed()
    {
        using TempDirectory directory = new();
        string path = Path.Combine(directory.Path, "link");
        File.CreateSymbolicLink(path, "/tmp");

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => ImageSource.Open(path));

        Assert.Contains("is a directory", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_MissingFile_NamesThePath()
    {
        using TempDirectory directory = new();
        string path = Path.Combine(directory.Path, "no-such-kernel");

        FileNotFoundException e = Assert.Throws<FileNotFoundException>(() => KernelImage.Open(path));

        Assert.Equal(path, e.FileName);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_DanglingLinkOrMissingDirectory_IsAnIoException()
    {
        using TempDirectory directory = new();
        string link = Path.Combine(directory.Path, "link");
        File.CreateSymbolicLink(link, Path.Combine(directory.Path, "nowhere"));

        Assert.Throws<FileNotFoundException>(() => ImageSource.Open(link));
        Assert.Throws<DirectoryNotFoundException>(() => ImageSource.Open(Path.Combine(directory.Path, "no", "kernel")));
        Assert.ThrowsAny<IOException>(() => ImageSource.Open(Path.Combine(directory.Path, new string('n', 300))));
    }

    [Fact]
    public void Open_UnreadableFile_IsAnAccessError()
    {
        using TempDirectory directory = new();
        string path = directory.Write("vmlinuz", new BzImageBuilder().Build());
        Assert.Equal(0, Syscall.chmod(path, 0));
        Assert.SkipWhen(Syscall.geteuid() == 0, "root may read every file");

        UnauthorizedAccessException e = Assert.Throws<UnauthorizedAccessException>(() => KernelImage.Open(path));

        Assert.Contains(path, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "path: is empty")]
    [InlineData("vm\0linuz", "vm\\0linuz: path: holds a NUL character")]
    public void Open_ImpossiblePath_IsRefused(string path, string problem)
    {
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => ImageSource.Open(path));

        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_EmptyFile_IsRefused()
    {
        using TempDirectory directory = new();

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => KernelImage.Open(directory.Write("vmlinuz", [])));

        Assert.EndsWith("vmlinuz: size: the file is empty", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_HugeFiles_AreRefusedWithoutBeingRead()
    {
        using TempDirectory directory = new();
        string zeros = directory.Sparse("zeros", 100L << 30);
        string kernel = directory.Write("vmlinuz", new BzImageBuilder().Build());
        string hugeKernel = directory.Sparse("huge", 100L << 30);
        using (FileStream file = File.OpenWrite(hugeKernel))
        {
            file.Write(new BzImageBuilder().Build(bytes => bytes.AsSpan(0x1F4, 4).Fill(0x7F)));
        }

        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8 << 20, 40));
        long before = GC.GetAllocatedBytesForCurrentThread();
        System.Diagnostics.Stopwatch clock = System.Diagnostics.Stopwatch.StartNew();

        InvalidInputException noKernel = Assert.Throws<InvalidInputException>(
            () => LoadedImage.Load(new BootConfig(zeros, null, ""), LoadedSample.Tables, memory));
        InvalidInputException bigInitrd = Assert.Throws<InvalidInputException>(
            () => LoadedImage.Load(new BootConfig(kernel, zeros, ""), LoadedSample.Tables, memory));
        InvalidInputException bigKernel = Assert.Throws<InvalidInputException>(
            () => LoadedImage.Load(new BootConfig(hugeKernel, null, ""), LoadedSample.Tables, memory));

        Assert.Equal("boot_flag", noKernel.Field);
        Assert.Contains("107374182400 bytes do not fit", bigInitrd.Message, StringComparison.Ordinal);
        Assert.Equal("syssize", bigKernel.Field);
        Assert.Contains("the kernel needs RAM up to", bigKernel.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 << 10);
        Assert.InRange(clock.ElapsedMilliseconds, 0, 5000);
    }

    [Fact]
    public void Load_FileThatShrinksAfterOpening_IsRefused()
    {
        using TempDirectory directory = new();
        string path = directory.Write("vmlinuz", new BzImageBuilder().Build());
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(8 << 20, 40));
        using KernelImage kernel = KernelImage.Open(path);
        Assert.Equal(0, Syscall.truncate(path, 2000));

        InvalidInputException e = Assert.Throws<InvalidInputException>(() => LoadedImage.Load(kernel, null, "", memory));

        Assert.Equal("syssize", e.Field);
        Assert.Contains("the file ended at byte 2000 while it was read; it had 5120 bytes", e.Message, StringComparison.Ordinal);
    }
}
