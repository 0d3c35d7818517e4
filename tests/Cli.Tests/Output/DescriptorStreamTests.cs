using System.IO.Pipes;
using KvmSevVmm.Cli.Output;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Tests.Output;

public sealed class DescriptorStreamTests
{
    [Fact]
    public void Write_ReaderGone_IsClosedPipe()
    {
        using AnonymousPipeServerStream reader = new(PipeDirection.In);
        int fd = DuplicateWriter(reader);
        using DescriptorStream output = new(fd, "the pipe");
        output.Write("heard"u8);
        reader.Dispose();

        Assert.Throws<ClosedPipeException>(() => output.Write("not heard"u8));
        Assert.Equal(0, Syscall.close(fd));
    }

    [Fact]
    public async Task Write_NonBlockingFullPipe_LosesAndRepeatsNothing()
    {
        byte[] sent = new byte[1_000_000];
        new Random(1).NextBytes(sent);
        using AnonymousPipeServerStream reader = new(PipeDirection.In);
        int fd = DuplicateWriter(reader);
        Assert.Equal(0, Syscall.fcntl(fd, FcntlCommand.F_SETFL, (long)OpenFlags.O_NONBLOCK));
        Task<byte[]> received = Task.Run(() =>
        {
            // The pipe is full long before the first byte is taken.
            Thread.Sleep(100);
            byte[] all = new byte[sent.Length];
            reader.ReadExactly(all);
            return all;
        }, TestContext.Current.CancellationToken);
        using DescriptorStream output = new(fd, "the pipe");

        output.Write(sent);

        Assert.Equal(sent, await received.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Equal(0, Syscall.close(fd));
    }

    [Fact]
    public void Write_FailedWrite_NamesTheStream()
    {
        int full = Syscall.open("/dev/full", OpenFlags.O_WRONLY);
        using DescriptorStream output = new(full, "the thing");

        Assert.Equal("cannot write the thing: No space left on device", Assert.Throws<IOException>(() => output.Write("x"u8)).Message);
        Assert.Equal(0, Syscall.close(full));
    }

    // The descriptor is duplicated: closing the reader must leave no other end of it open.
    private static int DuplicateWriter(AnonymousPipeServerStream reader)
    {
        int copy = Syscall.dup(int.Parse(reader.GetClientHandleAsString(), null));
        Assert.True(copy > 2);
        reader.DisposeLocalCopyOfClientHandle();
        return copy;
    }
}
