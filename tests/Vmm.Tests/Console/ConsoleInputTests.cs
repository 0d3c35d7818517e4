using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Tests.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Console;

public sealed class ConsoleInputTests : IDisposable
{
    private const byte ControlA = 0x01;
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    private readonly RecordingMachine _machine = new();
    private readonly FakeGuest _guest = new();
    private readonly RecordingLine _button = new();
    private readonly StringWriter _messages = new();

    public void Dispose() => _messages.Dispose();

    [Fact]
    public void TypedBytes_ReachTheGuest()
    {
        ScriptedSource source = new();
        using ConsoleInput input = Start(source);
        source.Type("ls -l\n"u8);
        source.Type([0x03, 0x00, 0xFF]); // Ctrl-C is the guest's
        Eventually.True(() => _guest.Received.Length == 9, "all bytes arrive");
        Assert.Equal([.. "ls -l\n"u8, 0x03, 0x00, 0xFF], _guest.Received);
        Assert.Equal(0, _machine.Requests);
    }

    [Theory]
    [InlineData('x')]
    [InlineData('X')]
    public void CtrlAX_EndsTheMachine_AlsoInTwoReads(char command)
    {
        ScriptedSource source = new();
        using ConsoleInput input = Start(source);
        source.Type([(byte)'a', ControlA]);
        source.Type([(byte)command, (byte)'b']);
        Eventually.True(() => _guest.Received.Length == 2, "the rest arrives");
        Assert.Equal(StopReason.Interrupted, _machine.Reason);
        Assert.Equal("ab"u8.ToArray(), _guest.Received);
    }

    [Theory]
    [InlineData('p')]
    [InlineData('P')]
    public void CtrlAP_PressesThePowerButtonOnce(char command)
    {
        ScriptedSource source = new();
        using ConsoleInput input = Start(source);
        source.Type([ControlA, (byte)command, (byte)'b']);
        Eventually.True(() => _guest.Received.Length == 1, "the rest arrives");
        Assert.Equal(1, _button.RisingEdges);
        Assert.False(_button.Level);
        Assert.Equal(0, _machine.Requests);
    }

    [Fact]
    public void CtrlAA_SendsCtrlA_HShowsHelp_BSendsABreak_OthersDoNothing()
    {
        ScriptedSource source = new();
        using ConsoleInput input = Start(source);
        source.Type([ControlA, (byte)'a', ControlA, ControlA, ControlA, (byte)'h', ControlA, (byte)'q']);
        source.Type([(byte)'1', ControlA, (byte)'b', (byte)'2']);
        Eventually.True(() => _guest.Received.Length == 5, "all bytes arrive");
        Assert.Equal([ControlA, ControlA, (byte)'1', FakeGuest.Break, (byte)'2'], _guest.Received);
        Assert.Contains("Ctrl-A X", _messages.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, _machine.Requests);
    }

    [Fact]
    public void PipedInput_HasNoEscapes()
    {
        ScriptedSource source = new(isInteractive: false);
        using ConsoleInput input = Start(source);
        source.Type([ControlA, (byte)'x']);
        Eventually.True(() => _guest.Received.Length == 2, "all bytes arrive");
        Assert.Equal([ControlA, (byte)'x'], _guest.Received);
        Assert.Equal(0, _machine.Requests);
    }

    [Fact]
    public void PastedInput_LargerThanEveryBuffer_ArrivesWhole()
    {
        byte[] pasted = new byte[ConsoleInput.Capacity * 3];
        new Random(5).NextBytes(pasted);
        ScriptedSource source = new(isInteractive: false);
        Serial16550 uart = new(new RecordingLine(), new LimitedOutput());
        uart.Out(2, 0x81);
        using ConsoleInput input = new(source, uart, _machine, new PowerButton(_button), _messages);
        input.Start();
        foreach (byte[] piece in pasted.Chunk(500))
        {
            source.Type(piece);
        }

        List<byte> got = [];
        Eventually.True(
            () =>
            {
                while ((uart.In(5) & 0x01) != 0)
                {
                    got.Add(uart.In(0));
                }

                return got.Count == pasted.Length;
            },
            "the guest reads all");
        Assert.Equal(pasted, got);
        Assert.Equal(0, input.DroppedBytes);
    }

    [Fact]
    public void PipedInput_ToAGuestThatDoesNotRead_Waits()
    {
        ScriptedSource source = new(isInteractive: false);
        _guest.Room = 0;
        using ConsoleInput input = Start(source, TimeSpan.FromMilliseconds(1));
        for (int i = 0; i < ConsoleInput.Capacity / 512 + 10; i++)
        {
            source.Type(new byte[512]);
        }

        Thread.Sleep(100);
        Assert.Equal(0, input.DroppedBytes);
        _guest.Read(int.MaxValue / 2);
        Eventually.True(() => _guest.Received.Length == ConsoleInput.Capacity + 5120, "all arrives later");
    }

    [Fact]
    public void CtrlAX_Works_WhenTheGuestHasStoppedReading()
    {
        ScriptedSource source = new();
        _guest.Room = 0;
        using ConsoleInput input = Start(source, TimeSpan.FromMilliseconds(20));
        for (int i = 0; i < ConsoleInput.Capacity / 512 + 1; i++)
        {
            source.Type(new byte[512]);
        }

        source.Type([ControlA, (byte)'x']);
        Eventually.True(() => _machine.Reason == StopReason.Interrupted, "the escape is seen");
        Assert.Equal(512, input.DroppedBytes);
    }

    [Fact]
    public void AfterAStall_InputFlowsAgain()
    {
        ScriptedSource source = new();
        _guest.Room = 0;
        using ConsoleInput input = Start(source, TimeSpan.FromMilliseconds(20));
        for (int i = 0; i < ConsoleInput.Capacity / 512 + 1; i++)
        {
            source.Type(new byte[512]);
        }

        Eventually.True(() => input.DroppedBytes == 512, "the surplus is dropped");
        _guest.Read(int.MaxValue / 2);
        source.Type("again"u8);
        Eventually.True(() => _guest.Received.Length == ConsoleInput.Capacity + 5, "input flows");
        Assert.Equal("again"u8.ToArray(), _guest.Received[^5..]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EndOfInput_EndsTheThread_AndTheMachineGoesOn(bool isFailure)
    {
        ScriptedSource source = new() { FailsAtEnd = isFailure };
        using ConsoleInput input = Start(source);
        source.Type("last"u8);
        source.Unblock();
        Eventually.True(() => _guest.Received.Length == 4, "what came before the end arrives");
        Assert.True(input.Stop(Long));
        Assert.Equal(0, _machine.Requests);
        Assert.Equal("last"u8.ToArray(), _guest.Received);
    }

    [Fact]
    public void WhatWaits_IsStillDelivered_AfterTheEndOfInput()
    {
        ScriptedSource source = new(isInteractive: false);
        _guest.Room = 2;
        using ConsoleInput input = Start(source);
        source.Type("abcdef"u8);
        Eventually.True(() => _guest.Received.Length == 2, "the first bytes arrive");
        source.Unblock();
        _guest.Read(10);
        Assert.Equal("abcdef"u8.ToArray(), _guest.Received);
    }

    [Fact]
    public void Stop_EndsAThreadThatWaitsForInput_OrForTheGuest()
    {
        ScriptedSource idle = new();
        using ConsoleInput first = Start(idle);
        Assert.True(first.Stop(Long));

        ScriptedSource full = new(isInteractive: false);
        _guest.Room = 0;
        using ConsoleInput second = Start(full);
        for (int i = 0; i < ConsoleInput.Capacity / 512 + 10; i++)
        {
            full.Type(new byte[512]);
        }

        Thread.Sleep(50);
        Assert.True(second.Stop(Long));
    }

    [Fact]
    public void Stop_BeforeStart_IsHarmless()
    {
        using ConsoleInput input = new(new ScriptedSource(), _guest, _machine, new PowerButton(_button), _messages);
        Assert.True(input.Stop(Long));
    }

    [Fact]
    public void GuestReading_OnAVcpuThread_AllocatesNothing()
    {
        ScriptedSource source = new(isInteractive: false);
        Serial16550 uart = new(new RecordingLine(), new LimitedOutput());
        uart.Out(2, 0x81);
        using ConsoleInput input = new(source, uart, _machine, new PowerButton(_button), _messages);
        input.Start();
        for (int i = 0; i < 100; i++)
        {
            source.Type(new byte[500]);
        }

        int warm = ReadAll(uart, 10_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int read = ReadAll(uart, 40_000);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(50_000, warm + read);
        Assert.Equal(0, allocated);
    }

    private static int ReadAll(Serial16550 uart, int count)
    {
        Span<byte> data = stackalloc byte[1];
        long deadline = Environment.TickCount64 + 30_000;
        int read = 0;
        while (read < count && Environment.TickCount64 < deadline)
        {
            uart.Read(5, data);
            if ((data[0] & 0x01) != 0)
            {
                uart.Read(0, data);
                read++;
            }
        }

        return read;
    }

    private ConsoleInput Start(ScriptedSource source, TimeSpan? stallLimit = null)
    {
        ConsoleInput input = new(source, _guest, _machine, new PowerButton(_button), _messages) { StallLimit = stallLimit ?? Long };
        input.Start();
        return input;
    }

    private sealed class FakeGuest : ISerialInput
    {
        public const byte Break = 0xBB;

        private readonly Lock _lock = new();
        private readonly List<byte> _received = [];

        public Action? InputReady { get; set; }

        public int Room { get; set; } = int.MaxValue;

        public byte[] Received
        {
            get
            {
                lock (_lock)
                {
                    return [.. _received];
                }
            }
        }

        public int Receive(ReadOnlySpan<byte> data)
        {
            lock (_lock)
            {
                int accepted = Math.Min(data.Length, Room);
                Room -= accepted;
                _received.AddRange(data[..accepted]);
                return accepted;
            }
        }

        public bool ReceiveBreak()
        {
            lock (_lock)
            {
                _received.Add(Break);
                return true;
            }
        }

        public void Read(int room)
        {
            lock (_lock)
            {
                Room += room;
            }

            InputReady!();
        }
    }
}
