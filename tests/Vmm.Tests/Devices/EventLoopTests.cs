using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>The thread that waits for descriptors.</summary>
public sealed class EventLoopTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public void Pause_LetsNoHandlerRun_AndResumeMissesNothing()
    {
        using EventLoop loop = new("test");
        using Counter counter = new();
        _ = loop.Add(counter.Fd, EpollEvents.Readable, counter);
        loop.Start();
        for (int round = 0; round < 100; round++)
        {
            counter.Fd.Signal();
            Assert.True(loop.Pause(Deadline), $"round {round}");
            int seen = counter.Calls;
            counter.Fd.Signal();
            Thread.Yield();
            Assert.Equal(seen, counter.Calls);

            loop.Resume();
            Assert.True(SpinWait.SpinUntil(() => counter.Signals == 2 * (ulong)(round + 1), Deadline), $"round {round}: a signal is lost");
        }
    }

    [Fact]
    public void Pause_OfALoopThatDoesNotRun_HasNothingToWaitFor()
    {
        using EventLoop loop = new("test");
        Assert.True(loop.Pause(Deadline));
        loop.Start();
        Assert.True(loop.Pause(Deadline));
        Assert.True(loop.Stop(Deadline), "a loop that stands still does not end");
        Assert.True(loop.Pause(Deadline), "a loop that has ended is waited for");
    }

    [Fact]
    public void Pause_WhileAHandlerIsBusy_RunsOutOfTime()
    {
        using EventLoop loop = new("test");
        using ManualResetEventSlim mayEnd = new();
        using Counter counter = new() { Busy = () => mayEnd.Wait(Deadline) };
        _ = loop.Add(counter.Fd, EpollEvents.Readable, counter);
        loop.Start();
        counter.Fd.Signal();
        Assert.True(SpinWait.SpinUntil(() => counter.Calls == 1, Deadline));

        Assert.False(loop.Pause(TimeSpan.FromMilliseconds(20)));
        loop.Resume();
        mayEnd.Set();
        counter.Fd.Signal();
        Assert.True(SpinWait.SpinUntil(() => counter.Signals == 2, Deadline));
    }

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

    private sealed class Counter : IReadyHandler, IDisposable
    {
        private int _calls;
        private ulong _signals;

        internal EventFd Fd { get; } = EventFd.Create();

        internal Action? Busy { get; init; }

        internal int Calls => Volatile.Read(ref _calls);

        internal ulong Signals => Volatile.Read(ref _signals);

        public void OnReady(EpollEvents events)
        {
            _ = Fd.TryRead(out ulong count);
            Interlocked.Increment(ref _calls);
            Busy?.Invoke();
            Interlocked.Add(ref _signals, count);
        }

        public void Dispose() => Fd.Dispose();
    }
}
