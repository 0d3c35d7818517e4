using System.IO.Pipes;
using KvmSevVmm.Cli.Output;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Tests.Output;

public sealed class PipeOutputTests
{
    [Fact]
    public void Write_ReaderGone_IsClosedPipe()
    {
        using AnonymousPipeServerStream reader = new(PipeDirection.In);
        using FileStream writer = OpenWriter(reader);
        using PipeOutput output = new(writer);
        output.Write("heard"u8);
        reader.DisposeLocalCopyOfClientHandle();
        reader.Dispose();

        Assert.Throws<ClosedPipeException>(() => output.Write("not heard"u8));
    }

    [Fact]
    public async Task Write_NonBlockingFullPipe_LosesAndRepeatsNothing()
    {
        byte[] sent = new byte[1_000_000];
        new Random(1).NextBytes(sent);
        using AnonymousPipeServerStream reader = new(PipeDirection.In);
        using FileStream writer = OpenWriter(reader);
        int fd = (int)writer.SafeFileHandle.DangerousGetHandle();
        Assert.Equal(0, Syscall.fcntl(fd, FcntlCommand.F_SETFL, (long)OpenFlags.O_NONBLOCK));
        Task<byte[]> received = Task.Run(() =>
        {
            // The pipe is full long before the first byte is taken.
            Thread.Sleep(100);
            byte[] all = new byte[sent.Length];
            reader.ReadExactly(all);
            return all;
        }, TestContext.Current.CancellationToken);
        using PipeOutput output = new(writer);

        output.Write(sent);

        Assert.Equal(sent, await received.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    // The descriptor is duplicated: closing the reader must leave no other end of it open.
    private static FileStream OpenWriter(AnonymousPipeServerStream reader)
    {
        int copy = Syscall.dup(int.Parse(reader.GetClientHandleAsString(), null));
        reader.DisposeLocalCopyOfClientHandle();
        return new FileStream(new SafeFileHandle(copy, ownsHandle: true), FileAccess.Write, bufferSize: 0);
    }
}
