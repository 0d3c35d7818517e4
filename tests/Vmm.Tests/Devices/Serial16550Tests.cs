using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>The registers of the UART, one promise of the data sheet each.</summary>
public sealed class Serial16550Tests
{
    private const ulong Data = 0;
    private const ulong Ier = 1;
    private const ulong Iir = 2;
    private const ulong Fcr = 2;
    private const ulong Lcr = 3;
    private const ulong Mcr = 4;
    private const ulong Lsr = 5;
    private const ulong Msr = 6;
    private const ulong Scr = 7;
    private const byte Out2 = 0x08;

    private readonly RecordingLine _line = new();
    private readonly LimitedOutput _output = new();
    private readonly Serial16550 _uart;

    public Serial16550Tests() => _uart = new Serial16550(_line, _output);

    [Fact]
    public void Reset_RegistersHoldWhatTheDataSheetSays()
    {
        Assert.Equal(0x00, _uart.In(Ier));
        Assert.Equal(0x01, _uart.In(Iir));
        Assert.Equal(0x00, _uart.In(Lcr));
        Assert.Equal(0x00, _uart.In(Mcr));
        Assert.Equal(0x60, _uart.In(Lsr));
        Assert.Equal(0xB0, _uart.In(Msr));
        Assert.Equal(0, _line.Changes);
    }

    [Fact]
    public void Dlab_SwitchesToTheDivisor_AndBack()
    {
        _uart.Out(Ier, 0x05);
        _uart.Out(Lcr, 0x83);
        _uart.Out(Data, 0x34);
        _uart.Out(Ier, 0x12);

        Assert.Equal(0x34, _uart.In(Data));
        Assert.Equal(0x12, _uart.In(Ier));
        _uart.Out(Lcr, 0x03);
        Assert.Equal(0x05, _uart.In(Ier));
        Assert.Equal("", _output.Text);
    }

    [Fact]
    public void ReservedBits_DoNotStick()
    {
        _uart.Out(Ier, 0xFF);
        _uart.Out(Mcr, 0xFF);
        _uart.Out(Scr, 0xFF);

        Assert.Equal(0x0F, _uart.In(Ier));
        Assert.Equal(0x1F, _uart.In(Mcr));
        Assert.Equal(0xFF, _uart.In(Scr));
    }

    [Fact]
    public void StatusRegisters_AreReadOnly()
    {
        _uart.Out(Lsr, 0xFF);
        _uart.Out(Msr, 0xFF);

        Assert.Equal(0x60, _uart.In(Lsr));
        Assert.Equal(0xB0, _uart.In(Msr));
    }

    [Fact]
    public void WordAccess_IsTwoByteAccesses()
    {
        byte[] data = [0x5A, 0x03];
        _uart.Write(Lcr, [0x80, 0x00]);
        _uart.Write(Data, data);
        byte[] read = new byte[2];
        _uart.Read(Data, read);

        Assert.Equal(data, read);
    }

    [Fact]
    public void Thr_SendsBytesInOrder_AndThreStaysSet()
    {
        foreach (byte value in "hello"u8)
        {
            _uart.Out(Data, value);
            Assert.Equal(0x60, _uart.In(Lsr));
        }

        Assert.Equal("hello", _output.Text);
    }

    [Fact]
    public void TransmitInterrupt_IsRaisedByEnabling_ClearedByIir_AndRaisedAgainByThr()
    {
        _uart.Out(Mcr, Out2);
        _uart.Out(Ier, 0x02);
        Assert.True(_line.Level);
        Assert.Equal(0x02, _uart.In(Iir));
        Assert.False(_line.Level);
        Assert.Equal(0x01, _uart.In(Iir));

        _uart.Out(Data, (byte)'x');
        Assert.True(_line.Level);
        Assert.Equal(0x02, _uart.In(Iir));
        Assert.False(_line.Level);
    }

    [Fact]
    public void TransmitInterrupt_ReadingIirForAnotherCause_DoesNotClearIt()
    {
        _uart.Out(Ier, 0x03);
        _uart.Receive("r"u8);

        Assert.Equal(0x04, _uart.In(Iir));
        _uart.In(Data);
        Assert.Equal(0x02, _uart.In(Iir));
    }

    [Fact]
    public void TransmitInterrupt_DriverThatNeverReadsIir_GetsAnEdgeForEachByte()
    {
        _uart.Out(Mcr, Out2);
        _uart.Out(Ier, 0x02);
        for (int i = 1; i <= 5; i++)
        {
            Assert.Equal(i, _line.RisingEdges);
            _uart.Out(Data, (byte)'x');
        }
    }

    [Fact]
    public void TransmitInterrupt_BurstIntoTheFifo_IsOneEdge()
    {
        _uart.Out(Mcr, Out2);
        _uart.Out(Fcr, 0x01);
        _uart.Out(Ier, 0x02);
        _uart.In(Iir);
        int before = _line.Changes;
        for (int i = 0; i < 16; i++)
        {
            _uart.Out(Data, (byte)'x');
        }

        Assert.Equal(before + 1, _line.Changes);
        _uart.In(Lsr); // what an interrupt handler does before its next burst
        _uart.Out(Data, (byte)'x');
        Assert.Equal(before + 3, _line.Changes);
        Assert.True(_line.Level);
    }

    [Fact]
    public void Out2_GatesTheInterruptLine()
    {
        _uart.Out(Ier, 0x01);
        _uart.Receive("a"u8);
        Assert.False(_line.Level);
        Assert.Equal(0x04, _uart.In(Iir)); // pending inside all the same

        _uart.Out(Mcr, Out2);
        Assert.True(_line.Level);
        _uart.Out(Mcr, 0);
        Assert.False(_line.Level);
    }

    [Fact]
    public void WithoutFifo_OneByteIsTaken_AndTheNextOnlyAfterItWasRead()
    {
        _uart.Out(Mcr, Out2);
        _uart.Out(Ier, 0x01);

        Assert.Equal(1, _uart.Receive("ab"u8));
        Assert.Equal(0x61, _uart.In(Lsr));
        Assert.Equal(0x04, _uart.In(Iir));
        Assert.Equal(0, _uart.Receive("b"u8));
        Assert.Equal((byte)'a', _uart.In(Data));
        Assert.False(_line.Level);
        Assert.Equal(1, _uart.Receive("b"u8));
        Assert.Equal(2, _line.RisingEdges);
    }

    [Theory]
    [InlineData(0x01, 1)]
    [InlineData(0x41, 4)]
    [InlineData(0x81, 8)]
    [InlineData(0xC1, 14)]
    public void TriggerLevel_BelowItTimeout_FromItOnDataAvailable(byte fcr, int level)
    {
        _uart.Out(Fcr, fcr);
        _uart.Out(Ier, 0x01);
        for (int count = 1; count <= 16; count++)
        {
            Assert.Equal(1, _uart.Receive("x"u8));
            Assert.Equal(count < level ? 0xCC : 0xC4, _uart.In(Iir));
        }

        for (int count = 15; count >= 0; count--)
        {
            _uart.In(Data);
            Assert.Equal(count == 0 ? 0xC1 : count < level ? 0xCC : 0xC4, _uart.In(Iir));
        }
    }

    [Fact]
    public void Timeout_DriverThatReadsOneByteAnInterrupt_GetsAnEdgeForEach()
    {
        _uart.Out(Mcr, Out2);
        _uart.Out(Fcr, 0x81);
        _uart.Out(Ier, 0x01);
        _uart.Receive("abcde"u8);
        for (int i = 1; i <= 5; i++)
        {
            Assert.Equal(i, _line.RisingEdges);
            Assert.True(_line.Level);
            _uart.In(Data);
        }

        Assert.False(_line.Level);
    }

    [Fact]
    public void Iir_ReportsCausesByPriority_AndEachIsClearedInItsOwnWay()
    {
        _uart.Out(Fcr, 0x01);
        _uart.Out(Mcr, 0x12); // loopback, CTS: leaves DSR and DCD deltas
        _uart.Out(Ier, 0x0F);
        for (int i = 0; i < 17; i++)
        {
            _uart.Out(Data, (byte)i);
        }

        Assert.Equal(0xC6, _uart.In(Iir)); // overrun
        Assert.Equal(0x63, _uart.In(Lsr));
        Assert.Equal(0xC4, _uart.In(Iir)); // data
        for (int i = 0; i < 16; i++)
        {
            Assert.Equal(i, _uart.In(Data)); // the FIFO kept what it had
        }

        Assert.Equal(0xC2, _uart.In(Iir)); // THR empty
        Assert.Equal(0xC0, _uart.In(Iir)); // modem status
        Assert.NotEqual(0, _uart.In(Msr) & 0x0F);
        Assert.Equal(0xC1, _uart.In(Iir)); // nothing
    }

    [Fact]
    public void Overrun_WithoutFifo_KeepsTheNewByte()
    {
        _uart.Out(Mcr, 0x10);
        _uart.Out(Data, 1);
        _uart.Out(Data, 2);

        Assert.Equal(0x63, _uart.In(Lsr));
        Assert.Equal(0x61, _uart.In(Lsr)); // reading clears it
        Assert.Equal(2, _uart.In(Data));
    }

    [Fact]
    public void Fcr_OtherBitsNeedBit0()
    {
        _uart.Out(Fcr, 0x81);
        _uart.Receive("abc"u8);
        _uart.Out(Fcr, 0x81);
        Assert.Equal((byte)'a', _uart.In(Data)); // same mode: nothing cleared

        _uart.Out(Fcr, 0x83);
        Assert.Equal(0x60, _uart.In(Lsr)); // cleared by bit 1

        _uart.Receive("d"u8);
        _uart.Out(Fcr, 0xC2); // bit 0 off: 16450 mode, which clears by itself
        Assert.Equal(0x60, _uart.In(Lsr));
        Assert.Equal(0x01, _uart.In(Iir));
        _uart.Receive("e"u8);
        _uart.Out(Fcr, 0x02); // without bit 0 this is not a clear
        Assert.Equal((byte)'e', _uart.In(Data));
    }

    [Theory]
    [InlineData(0x10, 0x00)]
    [InlineData(0x11, 0x20)]
    [InlineData(0x12, 0x10)]
    [InlineData(0x14, 0x40)]
    [InlineData(0x18, 0x80)]
    [InlineData(0x1A, 0x90)]
    [InlineData(0x1F, 0xF0)]
    public void Loopback_ModemOutputsBecomeInputs(byte mcr, byte lines)
    {
        _uart.Out(Mcr, mcr);
        Assert.Equal(lines, _uart.In(Msr) & 0xF0);
    }

    [Fact]
    public void Loopback_ChangesSetDeltas_AndTheEndOfARingOnlyCounts()
    {
        _uart.Out(Mcr, 0x10);
        Assert.Equal(0x0B, _uart.In(Msr)); // CTS, DSR, DCD went away
        Assert.Equal(0x00, _uart.In(Msr));
        _uart.Out(Mcr, 0x14);
        Assert.Equal(0x40, _uart.In(Msr)); // a ring begins: no delta
        _uart.Out(Mcr, 0x10);
        Assert.Equal(0x04, _uart.In(Msr)); // it ends
        _uart.Out(Mcr, 0x00);
        Assert.Equal(0xBB, _uart.In(Msr));
    }

    [Fact]
    public void Loopback_SendsNothing_ReceivesNothing_AndInterrupts()
    {
        _uart.Out(Mcr, 0x18);
        _uart.Out(Ier, 0x01);
        Assert.Equal(0, _uart.Receive("host"u8));
        _uart.Out(Data, 0x77);

        Assert.True(_line.Level);
        Assert.Equal(0x77, _uart.In(Data));
        Assert.Equal("", _output.Text);
    }

    [Fact]
    public void Break_ArrivesAsANulWithBreakStatus_AtItsPlaceInTheFifo()
    {
        _uart.Out(Fcr, 0x01);
        _uart.Out(Ier, 0x05);
        _uart.Receive("a"u8);
        Assert.True(_uart.ReceiveBreak());
        _uart.Receive("b"u8);

        Assert.Equal(0xC4, _uart.In(Iir));
        Assert.Equal(0xE1, _uart.In(Lsr)); // an error is in the FIFO, but not at its head
        Assert.Equal((byte)'a', _uart.In(Data));
        Assert.Equal(0xC6, _uart.In(Iir));
        Assert.Equal(0xF1, _uart.In(Lsr));
        Assert.Equal(0x61, _uart.In(Lsr)); // reported once
        Assert.Equal(0, _uart.In(Data));
        Assert.Equal((byte)'b', _uart.In(Data));
        Assert.Equal(0x60, _uart.In(Lsr));
    }

    [Fact]
    public void Break_SentInLoopback_IsReceived()
    {
        _uart.Out(Mcr, 0x10);
        _uart.Out(Lcr, 0x43);
        _uart.Out(Lcr, 0x43); // one break, not two

        Assert.Equal(0x71, _uart.In(Lsr));
        Assert.Equal(0, _uart.In(Data));
        Assert.Equal(0x60, _uart.In(Lsr));
    }

    [Fact]
    public void InterruptLine_IsOnlyTouchedOnChanges()
    {
        const int Seed = 7001;
        Random random = new(Seed);
        byte[] data = new byte[1];
        for (int i = 0; i < 200_000; i++)
        {
            switch (random.Next(4))
            {
                case 0:
                    _uart.Receive("abcdefgh"u8[..random.Next(9)]);
                    break;
                case 1:
                    data[0] = (byte)random.Next(256);
                    _uart.Write((ulong)random.Next(8), data);
                    break;
                default:
                    _uart.Read((ulong)random.Next(8), data);
                    break;
            }
        }

        Assert.Equal(0, _line.RepeatedLevels);
        Assert.True(_line.RisingEdges > 1000);
    }
}
