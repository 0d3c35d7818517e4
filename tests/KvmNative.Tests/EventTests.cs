using System.IO.Pipes;
using KvmSevVmm.KvmNative.Errors;
using KvmSevVmm.TestSupport;
using Xunit;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class EventTests
{
    [Fact]
    public void EventFd_CountsSignalsAndIsEmptyAfterARead()
    {
        using EventFd fd = EventFd.Create();

        Assert.False(fd.TryRead(out ulong count));
        fd.Signal();
        fd.Signal();
        fd.Signal();
        Assert.True(fd.TryRead(out count));
        Assert.Equal(3UL, count);
        Assert.False(fd.TryRead(out count));
        Assert.Equal(0UL, count);
    }

    [Fact]
    public void EventFd_InitialValue_IsThere()
    {
        using EventFd fd = EventFd.Create(7);

        Assert.True(fd.TryRead(out ulong count));
        Assert.Equal(7UL, count);
    }

    [Fact]
    public void EventFd_Disposed_Throws()
    {
        EventFd fd = EventFd.Create();
        fd.Dispose();

        Assert.Throws<ObjectDisposedException>(fd.Signal);
        Assert.Throws<ObjectDisposedException>(() => fd.TryRead(out _));
        Assert.Throws<ObjectDisposedException>(() => fd.Descriptor);
    }

    [Fact]
    public void Epoll_ReportsWhoIsReadyWithItsData()
    {
        using Epoll epoll = Epoll.Create();
        using EventFd first = EventFd.Create();
        using EventFd second = EventFd.Create();
        epoll.Add(first, EpollEvents.Readable, 0x1111_2222_3333_4444);
        epoll.Add(second, EpollEvents.Readable, ulong.MaxValue);
        EpollEvent[] events = new EpollEvent[4];

        Assert.Equal(0, epoll.Wait(events, 0));
        second.Signal();
        Assert.Equal(1, epoll.Wait(events, 0));
        Assert.Equal(new EpollEvent(EpollEvents.Readable, ulong.MaxValue), events[0]);
        first.Signal();
        Assert.Equal(2, epoll.Wait(events, 0));
        Assert.Equal(new ulong[] { 0x1111_2222_3333_4444, ulong.MaxValue }, events[..2].Select(e => e.Data).Order());
        Assert.Equal(1, epoll.Wait(events.AsSpan(0, 1), 0));

        epoll.Modify(first, EpollEvents.None, 5);
        epoll.Remove(second);
        Assert.Equal(0, epoll.Wait(events, 0));
        KvmException e = Assert.Throws<KvmException>(() => epoll.Remove(second));
        Assert.Equal(("epoll_ctl", Errno.ENOENT), (e.Call, e.Errno));
    }

    [Fact]
    public void Epoll_Wait_IsWokenByAnotherThread()
    {
        using Epoll epoll = Epoll.Create();
        using EventFd fd = EventFd.Create();
        epoll.Add(fd.Descriptor, EpollEvents.Readable, 9);
        EpollEvent[] events = new EpollEvent[1];
        Thread signaller = new(() =>
        {
            Thread.Sleep(20);
            fd.Signal();
        });
        signaller.Start();

        Assert.Equal(1, epoll.Wait(events, 10_000));
        Assert.Equal(9UL, events[0].Data);
        signaller.Join();
        epoll.Remove(fd.Descriptor);
        Assert.Equal(0, epoll.Wait(events, 0));
    }

    [Fact]
    public void Epoll_Wait_AllocatesNothing()
    {
        using Epoll epoll = Epoll.Create();
        using EventFd fd = EventFd.Create();
        epoll.Add(fd, EpollEvents.Readable, 1);
        EpollEvent[] events = new EpollEvent[4];

        long allocated = Allocations.InBestRound(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                fd.Signal();
                _ = epoll.Wait(events, 0);
                _ = fd.TryRead(out _);
            }
        });

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void NativeFile_ReadsAndWritesAndWaits()
    {
        using AnonymousPipeServerStream input = new(PipeDirection.In);
        using AnonymousPipeClientStream output = new(PipeDirection.Out, input.ClientSafePipeHandle);
        using EventFd stop = EventFd.Create();
        int readEnd = (int)input.SafePipeHandle.DangerousGetHandle();
        int writeEnd = (int)output.SafePipeHandle.DangerousGetHandle();
        byte[] buffer = new byte[16];

        Assert.False(NativeFile.WaitReadable(readEnd, stop, 0));
        Assert.Equal(3, NativeFile.Write(writeEnd, "abc"u8));
        Assert.True(NativeFile.WaitReadable(readEnd, stop, 10_000));
        Assert.Equal(3, NativeFile.Read(readEnd, buffer));
        Assert.Equal("abc"u8, buffer.AsSpan(0, 3));

        stop.Signal();
        Assert.Equal(1, NativeFile.Write(writeEnd, "d"u8));
        Assert.False(NativeFile.WaitReadable(readEnd, stop, 10_000));
        Assert.True(stop.TryRead(out _));

        output.Dispose();
        Assert.True(NativeFile.WaitReadable(readEnd, stop, 10_000));
        Assert.Equal(1, NativeFile.Read(readEnd, buffer));
        Assert.Equal(0, NativeFile.Read(readEnd, buffer));
        Assert.Equal(Errno.EBADF, Assert.Throws<KvmException>(() => NativeFile.Write(readEnd, "x"u8)).Errno);
    }
}
