using KvmSevVmm.Vmm.Devices;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Xunit;

namespace KvmSevVmm.Vmm.Tests;

public sealed class MachinePartsTests
{
    [Fact]
    public void StopSignal_TheFirstRequestWins()
    {
        using var stop = new StopSignal();
        Assert.False(stop.Wait(TimeSpan.Zero));

        ((IMachineControl)stop).RequestStop(StopReason.DebugExit, 7);
        ((IMachineControl)stop).RequestStop(StopReason.Timeout);

        Assert.True(stop.Wait(TimeSpan.Zero));
        Assert.Equal(StopReason.DebugExit, stop.Reason);
        Assert.Equal(7, stop.GuestCode);
    }

    [Fact]
    public void OwnedResources_AreReleasedInReverse()
    {
        var order = new List<int>();
        var owned = new OwnedResources();
        owned.Add(new Resource(() => order.Add(1)));
        owned.Add(new Resource(() => order.Add(2)));

        OwnedResources next = owned.Release();
        owned.Dispose();
        Assert.Empty(order);

        next.Add(new Resource(() => order.Add(3)));
        next.Dispose();
        next.Dispose();
        Assert.Equal([3, 2, 1], order);
    }

    [Fact]
    public void BoundedLog_WritesTenLinesASecondAndCountsTheRest()
    {
        var sink = new CountingSink();
        using Logger logger = new LoggerConfiguration().MinimumLevel.Debug().WriteTo.Sink(sink).CreateLogger();
        var log = new BoundedLog(logger);

        int written = 0;
        for (int i = 0; i < 1000; i++)
        {
            written += log.MayWrite(LogEventLevel.Warning) ? 1 : 0;
        }

        Assert.InRange(written, 10, 30);
        Assert.False(new BoundedLog(Logger.None).MayWrite(LogEventLevel.Verbose) && sink.Lines > 0);
        Thread.Sleep(1100);
        Assert.True(log.MayWrite(LogEventLevel.Warning));
        Assert.True(sink.Lines >= 1, "the suppressed lines are told of");
    }

    private sealed class Resource(Action onDispose) : IDisposable
    {
        public void Dispose() => onDispose();
    }

    private sealed class CountingSink : ILogEventSink
    {
        public int Lines { get; private set; }

        public void Emit(LogEvent logEvent) => Lines++;
    }
}
