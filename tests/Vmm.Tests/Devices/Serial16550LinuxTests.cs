using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>What Linux's 8250 driver does to find out what it has, step by step. Source: drivers/tty/serial/8250/8250_port.c.</summary>
public sealed class Serial16550LinuxTests
{
    private const ulong Data = 0;
    private const ulong Ier = 1;
    private const ulong Iir = 2;
    private const ulong Fcr = 2;
    private const ulong Efr = 2;
    private const ulong Lcr = 3;
    private const ulong Mcr = 4;
    private const ulong Lsr = 5;
    private const ulong Msr = 6;

    private readonly RecordingLine _line = new();
    private readonly LimitedOutput _output = new();
    private readonly Serial16550 _uart;

    public Serial16550LinuxTests() => _uart = new Serial16550(_line, _output);

    [Fact]
    public void Autoconfig_FindsA16550A_AndNothingElse()
    {
        // autoconfig(): is there a UART?
        byte ier = _uart.In(Ier);
        _uart.Out(Ier, 0);
        Assert.Equal(0x00, _uart.In(Ier) & 0x0F);
        _uart.Out(Ier, 0x0F);
        Assert.Equal(0x0F, _uart.In(Ier) & 0x0F);
        _uart.Out(Ier, ier);

        // The loopback test.
        byte mcr = _uart.In(Mcr);
        byte lcr = _uart.In(Lcr);
        _uart.Out(Mcr, 0x1A);
        Assert.Equal(0x90, _uart.In(Msr) & 0xF0);
        _uart.Out(Mcr, mcr);

        // Which one? Both FIFO bits of IIR mean 16550A or better.
        _uart.Out(Lcr, 0xBF);
        _uart.Out(Efr, 0);
        _uart.Out(Lcr, 0);
        _uart.Out(Fcr, 0x01);
        Assert.Equal(3, _uart.In(Iir) >> 6);

        // autoconfig_16550a(): no EFR (16650), in either place.
        _uart.Out(Lcr, 0x80);
        Assert.NotEqual(0, _uart.In(Efr));
        _uart.Out(Lcr, 0xBF);
        Assert.NotEqual(0, _uart.In(Efr));

        // No National Semiconductor banks: EXCR1 does not follow MCR's loop bit.
        _uart.Out(Lcr, 0);
        byte status1 = _uart.In(Mcr);
        _uart.Out(Lcr, 0xE0);
        byte status2 = _uart.In(2);
        if (((status1 ^ status2) & 0x10) == 0)
        {
            _uart.Out(Lcr, 0);
            _uart.Out(Mcr, (byte)(status1 ^ 0x10));
            _uart.Out(Lcr, 0xE0);
            status2 = _uart.In(2);
            _uart.Out(Lcr, 0);
            _uart.Out(Mcr, status1);
            Assert.Equal(0, (status1 ^ status2) & 0x10);
        }

        // No 64-byte FIFO (TI16750), no UUE bit (XScale).
        _uart.Out(Lcr, 0);
        _uart.Out(Fcr, 0x21);
        Assert.Equal(6, _uart.In(Iir) >> 5);
        _uart.Out(Fcr, 0x01);
        _uart.Out(Lcr, 0x80);
        _uart.Out(Fcr, 0x21);
        Assert.Equal(6, _uart.In(Iir) >> 5);
        _uart.Out(Fcr, 0x01);
        _uart.Out(Lcr, 0);
        _uart.Out(Ier, 0x40);
        Assert.Equal(0, _uart.In(Ier) & 0x40);

        Assert.Equal(16, SizeFifo());

        // The end of autoconfig(): reset.
        _uart.Out(Lcr, lcr);
        _uart.Out(Mcr, mcr);
        ClearFifos();
        _uart.In(Data);
        _uart.Out(Ier, 0);
        Assert.Equal("", _output.Text);
        Assert.False(_line.Level);
    }

    [Fact]
    public void Startup_FindsNoBug()
    {
        ClearFifos();
        _uart.In(Lsr);
        _uart.In(Data);
        _uart.In(Iir);
        _uart.In(Msr);
        Assert.NotEqual(0xFF, _uart.In(Lsr));

        // UART_BUG_THRE: the interrupt must come back when it is enabled again.
        _uart.Out(Ier, 0x02);
        byte first = _uart.In(Iir);
        _uart.Out(Ier, 0);
        _uart.Out(Ier, 0x02);
        byte second = _uart.In(Iir);
        _uart.Out(Ier, 0);
        Assert.Equal(0, first & 1);
        Assert.Equal(0, second & 1);

        // UART_BUG_TXEN: an empty transmitter interrupts as soon as it may.
        _uart.Out(Lcr, 0x03);
        _uart.Out(Mcr, 0x08);
        _uart.Out(Ier, 0x02);
        byte lsr = _uart.In(Lsr);
        byte iir = _uart.In(Iir);
        _uart.Out(Ier, 0);
        Assert.Equal(0x40, lsr & 0x40);
        Assert.Equal(0, iir & 1);
        Assert.False(_line.Level);
    }

    [Fact]
    public void ConsoleWrite_WaitsForThre_AndTheTextComesOut()
    {
        foreach (byte value in "Linux version 6.1\r\n"u8)
        {
            Assert.Equal(0x60, _uart.In(Lsr) & 0x60);
            _uart.Out(Data, value);
        }

        Assert.Equal("Linux version 6.1\r\n", _output.Text);
    }

    [Fact]
    public void InterruptHandler_EmptiesInputAndOutput_AndTheLineGoesDown()
    {
        _uart.Out(Mcr, 0x0B);
        _uart.Out(Fcr, 0x81);
        _uart.Out(Ier, 0x05);
        Queue<byte> toSend = new("0123456789abcdefghijklmnopqrstuvwxyz"u8.ToArray());
        _uart.Receive("key"u8);
        _uart.Out(Ier, 0x07);
        List<byte> received = [];
        int rounds = 0;
        for (byte iir = _uart.In(Iir); (iir & 1) == 0; iir = _uart.In(Iir))
        {
            Assert.True(++rounds < 20, "the interrupt never ends");
            byte lsr = _uart.In(Lsr);
            while ((lsr & 0x01) != 0)
            {
                received.Add(_uart.In(Data));
                lsr = _uart.In(Lsr);
            }

            _uart.In(Msr);
            if ((lsr & 0x20) == 0)
            {
                continue;
            }

            for (int i = 0; i < 16 && toSend.Count > 0; i++)
            {
                _uart.Out(Data, toSend.Dequeue());
            }

            if (toSend.Count == 0)
            {
                _uart.Out(Ier, 0x05);
            }
        }

        Assert.Equal("key"u8.ToArray(), received);
        Assert.Equal("0123456789abcdefghijklmnopqrstuvwxyz", _output.Text);
        Assert.False(_line.Level);
    }

    private void ClearFifos()
    {
        _uart.Out(Fcr, 0x01);
        _uart.Out(Fcr, 0x07);
        _uart.Out(Fcr, 0x00);
    }

    private int SizeFifo()
    {
        byte mcr = _uart.In(Mcr);
        _uart.Out(Fcr, 0x07);
        _uart.Out(Mcr, 0x10);
        for (int i = 0; i < 256; i++)
        {
            _uart.Out(Data, (byte)i);
        }

        int count = 0;
        while ((_uart.In(Lsr) & 0x01) != 0 && count < 256)
        {
            _uart.In(Data);
            count++;
        }

        _uart.Out(Fcr, 0x01);
        _uart.Out(Mcr, mcr);
        return count;
    }
}
