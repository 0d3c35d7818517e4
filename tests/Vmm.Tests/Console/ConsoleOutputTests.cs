using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Tests.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Console;

public sealed class ConsoleOutputTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Fact]
    public void Bytes_ReachTheStreamInOrder_AndStopFlushesAll()
    {
        byte[] sent = new byte[1_000_000];
        new Random(3).NextBytes(sent);
        using GatedStream stream = new();
        using ConsoleOutput console = new(stream);
        console.Start();
        Send(console, sent);

        Assert.True(console.Stop(Long));
        Assert.Equal(sent, stream.Written);
        Assert.Equal(sent.Length, console.WrittenBytes);
        Assert.Equal(0, console.DroppedBytes);
        Assert.True(stream.Writes < 10_000, "bytes are gathered into chunks");
    }

    [Fact]
    public void OneByte_ReachesTheStreamWithoutStop()
    {
        using GatedStream stream = new();
        using ConsoleOutput console = new(stream);
        console.Start();
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(console.TryWrite((byte)'x'));
            int expected = i;
            Eventually.True(() => stream.Written.Length == expected, "the byte arrives");
        }
    }

    [Fact]
    public void BlockedStream_RefusesWhenFull_AndTellsWhenReady()
    {
        using GatedStream stream = new();
        using ConsoleOutput console = new(stream, capacity: 1000);
        using AutoResetEvent ready = new(initialState: false);
        console.OutputReady = () => ready.Set();
        stream.Block();
        console.Start();
        Assert.True(console.TryWrite(0));
        Assert.True(stream.IsBlocked.Wait(Long, TestContext.Current.CancellationToken));
        int accepted = 0;
        while (console.TryWrite(1))
        {
            accepted++;
        }

        Assert.Equal(1000, accepted);
        Assert.False(ready.WaitOne(50));
        stream.Unblock();
        Assert.True(ready.WaitOne(Long));
        Assert.True(console.TryWrite(2));
        Assert.True(console.Stop(Long));
        Assert.Equal(1002, stream.Written.Length);
    }

    [Fact]
    public void BlockedStream_StallsTheGuestsPort_NotTheVcpu_AndNothingIsLost()
    {
        using GatedStream stream = new();
        using ConsoleOutput console = new(stream, capacity: 100);
        RecordingLine line = new();
        Serial16550 uart = new(line, console);
        stream.Block();
        console.Start();
        uart.Out(2, 0x01);
        int sent = 0;
        while ((uart.In(5) & 0x20) != 0)
        {
            uart.Out(0, (byte)sent++);
            Assert.True(sent < 100_000, "THRE never goes down");
        }

        Assert.Equal(0x00, uart.In(5));
        stream.Unblock();
        Eventually.True(() => (uart.In(5) & 0x60) == 0x60, "the port goes on");
        uart.Out(0, (byte)sent++);
        Assert.True(console.Stop(Long));
        Assert.Equal(Enumerable.Range(0, sent).Select(i => (byte)i), stream.Written);
        Assert.Equal(0, uart.LostOutputBytes);
    }

    [Fact]
    public void BlockedStream_StopGivesUpAtItsDeadline()
    {
        using GatedStream stream = new();
        using ConsoleOutput console = new(stream);
        stream.Block();
        console.Start();
        Send(console, new byte[100]);
        Assert.True(stream.IsBlocked.Wait(Long, TestContext.Current.CancellationToken));
        Send(console, new byte[100]);
        Stopwatch watch = Stopwatch.StartNew();

        Assert.False(console.Stop(TimeSpan.FromMilliseconds(100)));
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(90), Long);
        Assert.True(console.DroppedBytes >= 100);
        Assert.True(console.TryWrite(0)); // a late byte hurts nobody
        stream.Unblock();
        Assert.True(console.Stop(Long));
    }

    [Fact]
    public void BrokenStream_DropsAndCounts_AndTheGuestGoesOn()
    {
        using GatedStream stream = new() { Error = new IOException("Broken pipe") };
        using ConsoleOutput console = new(stream, capacity: 100);
        console.Start();
        Send(console, new byte[10_000]);
        Assert.True(console.Stop(Long));

        Assert.Equal(10_000, console.DroppedBytes);
        Assert.Equal(0, console.WrittenBytes);
        Assert.Same(stream.Error, console.Failure);
    }

    [Fact]
    public void BrokenStream_TheMatcherStillSeesAll()
    {
        using ManualResetEventSlim matched = new();
        using GatedStream stream = new() { Error = new IOException("No space left on device") };
        using ConsoleOutput console = new(stream, new ConsoleMatcher("^login: ", matched.Set));
        console.Start();
        Send(console, "boot\n"u8);
        Eventually.True(() => console.Failure is not null, "the stream fails");
        Send(console, "login: "u8);
        Assert.True(matched.Wait(Long, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void RealPipe_ReaderGone_IsABrokenStream()
    {
        using AnonymousPipeServerStream pipe = new(PipeDirection.Out);
        using (AnonymousPipeClientStream reader = new(PipeDirection.In, pipe.ClientSafePipeHandle))
        {
            reader.Dispose();
        }

        using ConsoleOutput console = new(pipe);
        console.Start();
        Send(console, "nobody reads"u8);
        Eventually.True(() => console.Failure is not null, "the pipe is broken");
        Send(console, "this neither"u8);
        Assert.True(console.Stop(Long));
        Assert.Equal(24, console.DroppedBytes);
    }

    [Fact]
    public void Match_IsFoundWhileOutputFlows_AndWhatFollowsIsFlushed()
    {
        using ManualResetEventSlim matched = new();
        using GatedStream stream = new();
        ConsoleMatcher matcher = new("Reached target", matched.Set);
        using ConsoleOutput console = new(stream, matcher);
        long start = Stopwatch.GetTimestamp();
        Assert.Equal(0, console.FirstByteTimestamp);
        console.Start();
        Send(console, "[  OK  ] Rea"u8);
        Thread.Sleep(10); // another chunk
        Send(console, "ched target\r\nand more\r\n"u8);

        Assert.True(matched.Wait(Long, TestContext.Current.CancellationToken));
        Assert.True(console.Stop(Long));
        Assert.Equal("[  OK  ] Reached target\r\nand more\r\n", Encoding.ASCII.GetString(stream.Written));
        Assert.InRange(console.FirstByteTimestamp, start, matcher.MatchTimestamp);
    }

    [Fact]
    public void Stop_WithoutStart_AndTwice_IsHarmless()
    {
        using ConsoleOutput idle = new(Stream.Null);
        Assert.True(idle.Stop(Long));
        Assert.True(idle.Stop(Long));

        using ConsoleOutput neverStarted = new(Stream.Null);
        Send(neverStarted, "lost"u8);
        Assert.False(neverStarted.Stop(Long));
        Assert.Equal(4, neverStarted.DroppedBytes);
    }

    [Fact]
    public void Thread_IsNamed()
    {
        string? name = null;
        using ConsoleOutput console = new(Stream.Null, new ConsoleMatcher("x", () => name = Thread.CurrentThread.Name));
        console.Start();
        Send(console, "x"u8);
        Assert.True(console.Stop(Long));
        Assert.Equal("console-out", name);
    }

    private static void Send(ConsoleOutput console, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            while (!console.TryWrite(value))
            {
                Thread.Yield();
            }
        }
    }
}
