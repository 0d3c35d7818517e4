using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

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
