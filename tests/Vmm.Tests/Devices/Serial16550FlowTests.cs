using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>What the UART does when its output is full or its input is more than the FIFO.</summary>
public sealed class Serial16550FlowTests
{
    private const ulong Data = 0;
    private const ulong Ier = 1;
    private const ulong Iir = 2;
    private const ulong Fcr = 2;
    private const ulong Mcr = 4;
    private const ulong Lsr = 5;

    private readonly RecordingLine _line = new();

    [Fact]
    public void FullOutput_ThreStaysLow_UntilTheOutputIsReady()
    {
        LimitedOutput output = new(room: 2);
        Serial16550 uart = new(_line, output);
        uart.Out(Mcr, 0x08);
        uart.Out(Fcr, 0x01);
        uart.Out(Ier, 0x02);
        uart.In(Iir);
        foreach (byte value in "abcde"u8)
        {
            uart.Out(Data, value);
        }

        Assert.Equal("ab", output.Text);
        Assert.Equal(0x00, uart.In(Lsr));
        Assert.False(_line.Level);
        Assert.Equal(0xC1, uart.In(Iir));

        output.MakeRoom(2);
        Assert.Equal("abcd", output.Text);
        Assert.Equal(0x00, uart.In(Lsr)); // one still waits

        output.MakeRoom(10);
        Assert.Equal("abcde", output.Text);
        Assert.Equal(0x60, uart.In(Lsr));
        Assert.True(_line.Level);
        Assert.Equal(0xC2, uart.In(Iir));
    }

    [Fact]
    public void FullOutput_BytesStayInOrder_WhenRoomAppearsBetweenWrites()
    {
        LimitedOutput output = new(room: 0);
        Serial16550 uart = new(_line, output);
        uart.Out(Fcr, 0x01);
        uart.Out(Data, (byte)'1');
        output.MakeRoom(1);
        uart.Out(Data, (byte)'2');
        uart.Out(Data, (byte)'3');
        output.MakeRoom(5);
        uart.Out(Data, (byte)'4');

        Assert.Equal("1234", output.Text);
        Assert.Equal(0, uart.LostOutputBytes);
    }

    [Fact]
    public void FullOutput_BytesStayInOrder_WhenTheGuestIsFasterThanOutputReady()
    {
        LimitedOutput output = new(room: 0);
        Serial16550 uart = new(_line, output);
        uart.Out(Fcr, 0x01);
        uart.Out(Data, (byte)'1');
        output.MakeRoomSilently(1); // there is room, but the callback is still on its way
        uart.Out(Data, (byte)'2');
        Assert.Equal("", output.Text);
        output.MakeRoom(1);

        Assert.Equal("12", output.Text);
    }

    [Fact]
    public void FullOutput_WritesBeyondTheFifo_AreLostAndCounted()
    {
        LimitedOutput output = new(room: 0);
        Serial16550 uart = new(_line, output);
        uart.Out(Fcr, 0x01);
        for (int i = 0; i < 1_000_000; i++)
        {
            uart.Out(Data, (byte)('a' + (i % 26)));
        }

        output.MakeRoom(100);
        Assert.Equal("abcdefghijklmnop", output.Text);
        Assert.Equal(1_000_000 - 16, uart.LostOutputBytes);
    }

    [Fact]
    public void FullOutput_WithoutFifo_TheHoldingRegisterIsOverwritten()
    {
        LimitedOutput output = new(room: 0);
        Serial16550 uart = new(_line, output);
        uart.Out(Data, (byte)'a');
        uart.Out(Data, (byte)'b');
        output.MakeRoom(5);

        Assert.Equal("b", output.Text);
        Assert.Equal(1, uart.LostOutputBytes);
    }

    [Fact]
    public void FullOutput_ClearingTheFifo_EmptiesTheTransmitter()
    {
        LimitedOutput output = new(room: 0);
        Serial16550 uart = new(_line, output);
        uart.Out(Fcr, 0x01);
        uart.Out(Ier, 0x02);
        uart.In(Iir);
        uart.Out(Data, (byte)'a');
        uart.Out(Fcr, 0x05);

        Assert.Equal(0x60, uart.In(Lsr));
        Assert.Equal(0xC2, uart.In(Iir));
        output.MakeRoom(5);
        Assert.Equal("", output.Text);
        Assert.Equal(1, uart.LostOutputBytes);
    }

    [Fact]
    public void Input_LongerThanTheFifo_ArrivesWholeThroughInputReady()
    {
        byte[] pasted = new byte[10_000];
        new Random(11).NextBytes(pasted);
        Serial16550 uart = new(_line, new LimitedOutput());
        int sent = 0;
        int calls = 0;
        void Send()
        {
            calls++;
            sent += uart.Receive(pasted.AsSpan(sent));
        }

        uart.InputReady = Send;
        uart.Out(Fcr, 0x81);
        Send();
        Assert.Equal(16, sent);
        List<byte> got = [];
        while ((uart.In(Lsr) & 0x01) != 0)
        {
            got.Add(uart.In(Data));
        }

        Assert.Equal(pasted, got);
        Assert.Equal(10_000 / 16, calls); // a full FIFO each time
    }

    [Theory]
    [InlineData(Fcr, 0x83)] // clear
    [InlineData(Fcr, 0x00)] // mode change
    public void InputReady_FollowsWhenTheFifoIsClearedToo(ulong register, byte value)
    {
        Serial16550 uart = new(_line, new LimitedOutput());
        int calls = 0;
        uart.InputReady = () => calls++;
        uart.Out(Fcr, 0x81);
        Assert.Equal(16, uart.Receive(new byte[17]));
        uart.Out(register, value);

        Assert.Equal(1, calls);
    }

    [Fact]
    public void InputReady_FollowsTheEndOfLoopback_ButNotLoopbackItself()
    {
        Serial16550 uart = new(_line, new LimitedOutput());
        int calls = 0;
        uart.InputReady = () => calls++;
        uart.Out(Mcr, 0x10);
        Assert.Equal(0, uart.Receive("x"u8));
        uart.In(Data);
        Assert.Equal(0, calls);
        uart.Out(Mcr, 0x00);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void InputReady_IsNotCalled_WhenNothingWasRefused()
    {
        Serial16550 uart = new(_line, new LimitedOutput());
        uart.InputReady = () => Assert.Fail("nobody waits");
        uart.Out(Fcr, 0x81);
        Assert.Equal(3, uart.Receive("abc"u8));
        Assert.Equal(0, uart.Receive([]));
        for (int i = 0; i < 5; i++)
        {
            uart.In(Data);
        }
    }

    [Fact]
    public async Task TwoVcpusAndAConsole_LoseNothing()
    {
        // Two threads write, one drains, one types and one reads: every byte arrives, whatever the interleaving.
        const int Count = 5_000;
        SlowOutput output = new();
        Serial16550 uart = new(new RecordingLine(), output);
        uart.Out(Fcr, 0x01);
        using CancellationTokenSource stop = new(TimeSpan.FromSeconds(120));
        Lock guestLock = new(); // a guest's driver has one too

        void Write()
        {
            for (int i = 0; i < Count; i++)
            {
                while (!TrySend())
                {
                    stop.Token.ThrowIfCancellationRequested();
                    Thread.Yield();
                }
            }
        }

        bool TrySend()
        {
            lock (guestLock)
            {
                if ((uart.In(Lsr) & 0x20) == 0)
                {
                    return false;
                }

                uart.Out(Data, (byte)'w');
                return true;
            }
        }

        int typed = 0;
        int read = 0;
        Lock typeLock = new();
        void Type()
        {
            lock (typeLock)
            {
                typed += uart.Receive(new byte[Math.Min(64, Count - typed)]);
            }
        }

        void Read()
        {
            while (read < Count)
            {
                stop.Token.ThrowIfCancellationRequested();
                if ((uart.In(Lsr) & 0x01) != 0)
                {
                    uart.In(Data);
                    read++;
                }
                else
                {
                    Thread.Yield();
                }
            }
        }

        uart.InputReady = Type;
        Type();
        Task drain = Task.Run(() => output.Drain(2 * Count, stop.Token), stop.Token);
        await Task.WhenAll(Task.Run(Write, stop.Token), Task.Run(Write, stop.Token), Task.Run(Read, stop.Token), drain);

        Assert.Equal(2 * Count, output.Drained);
        Assert.Equal(Count, read);
        Assert.Equal(0, uart.LostOutputBytes);
    }

    private sealed class SlowOutput : ISerialOutput
    {
        private readonly Lock _lock = new();
        private int _waiting;
        private bool _hasRefused;

        public Action? OutputReady { get; set; }

        public int Drained { get; private set; }

        public bool TryWrite(byte value)
        {
            lock (_lock)
            {
                _hasRefused = _waiting == 50;
                _waiting += _hasRefused ? 0 : 1;
                return !_hasRefused;
            }
        }

        public void Drain(int total, CancellationToken stop)
        {
            while (Drained < total)
            {
                stop.ThrowIfCancellationRequested();
                bool notify;
                lock (_lock)
                {
                    Drained += _waiting;
                    _waiting = 0;
                    notify = _hasRefused;
                    _hasRefused = false;
                }

                if (notify)
                {
                    OutputReady!();
                }

                Thread.Yield();
            }
        }
    }
}
