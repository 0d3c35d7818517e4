using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>The thread that waits for descriptors.</summary>
public sealed class EventLoopTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public void Handler_IsNotCalledForWhatWasSeenOfTheOneBefore()
    {
        using EventFd first = EventFd.Create(1);
        using EventFd second = EventFd.Create(1);
        using EventFd quiet = EventFd.Create();
        using EventFd last = EventFd.Create();
        using ManualResetEventSlim isOver = new();
        int calls = 0;
        using EventLoop loop = new("event-loop-test");
        EventFd[] fds = [first, second];
        int[] tokens = new int[2];

        // Both are ready in the same turn. The one that is called first removes the other, and something else is watched from then on.
        for (int i = 0; i < 2; i++)
        {
            int own = i;
            tokens[i] = loop.Add(fds[i], EpollEvents.Readable, new Handler(() =>
            {
                Assert.True(fds[own].TryRead(out _));
                loop.Remove(tokens[1 - own], fds[1 - own]);
                _ = loop.Add(quiet, EpollEvents.Readable, new Handler(() => calls++));
                last.Signal();
            }));
        }

        _ = loop.Add(last, EpollEvents.Readable, new Handler(() =>
        {
            _ = last.TryRead(out _);
            isOver.Set();
        }));
        loop.Start();

        Assert.True(isOver.Wait(Deadline, TestContext.Current.CancellationToken));
        Assert.Equal(0, calls);
    }

    [Fact]
    public void Tokens_AreUsedAgain()
    {
        using EventFd turn = EventFd.Create();
        using EventFd fd = EventFd.Create();
        using AutoResetEvent hasTurned = new(initialState: false);
        HashSet<int> tokens = [];
        using EventLoop loop = new("event-loop-test");
        _ = loop.Add(turn, EpollEvents.Readable, new Handler(() =>
        {
            _ = turn.TryRead(out _);
            hasTurned.Set();
        }));
        loop.Start();

        for (int i = 0; i < 100; i++)
        {
            int token = loop.Add(fd, EpollEvents.Readable, new Handler(static () => { }));
            tokens.Add(token);
            loop.Remove(token, fd);
            turn.Signal();
            Assert.True(hasTurned.WaitOne(Deadline));
        }

        Assert.InRange(tokens.Count, 1, 3);
    }

    private sealed class Handler(Action action) : IReadyHandler
    {
        public void OnReady(EpollEvents events) => action();
    }
}
