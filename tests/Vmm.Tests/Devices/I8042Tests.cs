using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

public sealed class I8042Tests
{
    private const byte OutputFull = 0x01;
    private const byte InputFull = 0x02;
    private const byte Aux = 0x20;

    private readonly RecordingMachine _machine = new();
    private readonly RecordingLine _line = new();
    private readonly I8042 _controller;

    public I8042Tests() => _controller = new I8042(_machine, _line);

    private byte Status => _controller.Command.In(0);

    [Fact]
    public void SelfTest_Passes()
    {
        Command(0xAA);
        Assert.Equal(0x55, Answer());
        Assert.Equal(0x04, Status & 0x04);
    }

    [Fact]
    public void LinuxProbe_NeverWaits_FindsAKeyboardAndNoMouse()
    {
        // i8042_controller_check(): flush; an absent controller would never run dry.
        for (int i = 0; (Status & OutputFull) != 0; i++)
        {
            Assert.True(i < 16, "the buffer never empties");
            _controller.Data.In(0);
        }

        // i8042_controller_selftest(), then i8042_controller_init(): the command byte reads the same twice.
        Command(0xAA);
        Assert.Equal(0x55, Answer());
        Command(0x20);
        byte mode = Answer();
        Command(0x20);
        Assert.Equal(mode, Answer());
        Assert.Equal(0x10, Status & 0x10); // keylock is off
        Assert.Equal(0x40, mode & 0x40); // translating
        mode = (byte)((mode | 0x10) & ~0x01);
        WriteMode(mode);

        // i8042_check_aux(): the loop must not come back as auxiliary data, and the test must fail at once.
        Command(0xD3);
        _controller.Data.Out(0, 0x5A);
        Assert.Equal(OutputFull, Status & (OutputFull | Aux));
        Command(0xA9);
        Assert.InRange(Answer(), 0x01, 0x04);

        // i8042_setup_kbd(), and atkbd: identify, reset-disable, LEDs, repeat rate, enable. Each answer comes by its own interrupt.
        mode = (byte)((mode & ~0x10) | 0x01);
        WriteMode(mode);
        Assert.Equal([0xFA, 0xAB, 0x41], Keyboard(0xF2, 3));
        Assert.Equal([0xFA], Keyboard(0xF5, 1));
        Assert.Equal([0xFA], Keyboard(0xED, 1));
        Assert.Equal([0xFA], Keyboard(0x00, 1));
        Assert.Equal([0xFA], Keyboard(0xF3, 1));
        Assert.Equal([0xFA], Keyboard(0x00, 1));
        Assert.Equal([0xFA], Keyboard(0xF4, 1));
        Assert.Equal(0, _machine.Requests);
    }

    [Fact]
    public void KeyboardReset_AnswersAckAndSelfTestPassed() => Assert.Equal([0xFA, 0xAA], Keyboard(0xFF, 2));

    [Theory]
    [InlineData(0xEE, new byte[] { 0xEE })]
    [InlineData(0xF6, new byte[] { 0xFA })]
    [InlineData(0xFA, new byte[] { 0xFA })]
    [InlineData(0x12, new byte[] { 0xFE })] // no such command: resend
    [InlineData(0xF1, new byte[] { 0xFE })]
    public void KeyboardCommand_IsAnswered(byte command, byte[] answer) => Assert.Equal(answer, Keyboard(command, answer.Length));

    [Theory]
    [InlineData(0x65, 0x41)]
    [InlineData(0x25, 0x02)]
    public void ScancodeSet_IsReported_TranslatedIfTranslationIsOn(byte mode, byte set)
    {
        WriteMode(mode);
        Assert.Equal([0xFA], Keyboard(0xF0, 1));
        Assert.Equal([0xFA, set], Keyboard(0x00, 2));
    }

    [Fact]
    public void Identify_WithoutTranslation_IsAb83()
    {
        WriteMode(0x25);
        Assert.Equal([0xFA, 0xAB, 0x83], Keyboard(0xF2, 3));
    }

    [Fact]
    public void EachKeyboardByte_IsOneEdge()
    {
        _controller.Data.Out(0, 0xF2);
        for (int i = 1; i <= 3; i++)
        {
            Assert.Equal(i, _line.RisingEdges);
            Assert.True(_line.Level);
            _controller.Data.In(0);
        }

        Assert.False(_line.Level);
        Assert.Equal(0, _line.RepeatedLevels);
    }

    [Fact]
    public void Interrupt_FollowsTheCommandByte()
    {
        WriteMode(0x64);
        _controller.Data.Out(0, 0xEE);
        Assert.False(_line.Level);
        Assert.Equal(OutputFull, Status & OutputFull);
    }

    [Fact]
    public void DisabledKeyboard_KeepsItsAnswer_UntilEnabled()
    {
        _controller.Data.Out(0, 0xF2);
        Command(0xAD);
        Assert.Equal(0xFA, _controller.Data.In(0)); // was in the buffer already
        Assert.Equal(0, Status & OutputFull);
        Command(0xAE);
        Assert.Equal(0xAB, _controller.Data.In(0));
    }

    [Fact]
    public void KeyboardThatIsSpokenTo_DropsWhatItHadNotSent()
    {
        for (int i = 0; i < 10; i++)
        {
            _controller.Data.Out(0, 0xF2);
        }

        Assert.Equal(0xFA, Answer()); // of the first, in the controller already
        Assert.Equal(0xFA, Answer());
        Assert.Equal(0xAB, Answer());
        Assert.Equal(0x41, Answer());
        Assert.Equal(0, Status & OutputFull);
    }

    [Fact]
    public void Answer_NotRead_IsReplacedByTheNext()
    {
        Command(0xAA);
        Command(0xAB);
        Assert.Equal(0x00, Answer());
        Assert.Equal(0, Status & OutputFull);
    }

    [Fact]
    public void Aux_IsAbsent_AndSaysSo()
    {
        Command(0xA8);
        Command(0x20);
        Assert.Equal(0, Answer() & 0x20);
        Command(0xA7);
        Command(0x20);
        Assert.Equal(0x20, Answer() & 0x20);
        Command(0xD4);
        _controller.Data.Out(0, 0xF2);
        Assert.Equal(0x61, Status & 0x61); // timeout, auxiliary, full
        Assert.Equal(0xFE, _controller.Data.In(0));
        Assert.False(_line.Level);
    }

    [Fact]
    public void Status_TellsCommandFromData_AndIsNeverBusy()
    {
        Command(0xAE);
        Assert.Equal(0x08, Status & 0x08);
        _controller.Data.Out(0, 0xF4);
        Assert.Equal(0x00, Status & 0x08);
        Assert.Equal(0, Status & InputFull);
    }

    [Theory]
    [InlineData(0xFE)]
    [InlineData(0xF0)]
    public void PulseOfLine0_Resets(byte command)
    {
        Command(command);
        Assert.Equal(StopReason.Reset, _machine.Reason);
        Assert.Equal(1, _machine.Requests);
    }

    [Theory]
    [InlineData(0xFF)]
    [InlineData(0xF1)]
    public void PulseWithoutLine0_DoesNotReset(byte command)
    {
        Command(command);
        Assert.Equal(0, _machine.Requests);
    }

    [Fact]
    public void OutputPort_ReadsBack_AndBit0LowResets()
    {
        Command(0xD1);
        _controller.Data.Out(0, 0xDD); // A20 off
        Command(0xD0);
        Assert.Equal(0x01, Answer() & 0x03);
        Command(0xD1);
        _controller.Data.Out(0, 0xDF);
        Command(0xD0);
        Assert.Equal(0x03, Answer() & 0x03);
        Assert.Equal(0, _machine.Requests);

        Command(0xD1);
        _controller.Data.Out(0, 0xDE);
        Assert.Equal(StopReason.Reset, _machine.Reason);
    }

    [Fact]
    public void ControllerRam_HoldsWhatIsWritten()
    {
        for (byte i = 0; i < 32; i++)
        {
            Command((byte)(0x60 + i));
            _controller.Data.Out(0, (byte)(0x40 + i));
        }

        for (byte i = 0; i < 32; i++)
        {
            Command((byte)(0x20 + i));
            Assert.Equal(0x40 + i, Answer());
        }
    }

    [Fact]
    public void WithoutInterruptLine_PollingWorks()
    {
        I8042 controller = new(_machine);
        controller.Data.Out(0, 0xFF);
        Assert.Equal(0xFA, controller.Data.In(0));
        Assert.Equal(0xAA, controller.Data.In(0));
    }

    private void Command(byte command) => _controller.Command.Out(0, command);

    private void WriteMode(byte mode)
    {
        Command(0x60);
        _controller.Data.Out(0, mode);
    }

    private byte Answer()
    {
        Assert.Equal(OutputFull, Status & (OutputFull | Aux));
        return _controller.Data.In(0);
    }

    private byte[] Keyboard(byte value, int answerLength)
    {
        _controller.Data.Out(0, value);
        byte[] answer = new byte[answerLength];
        for (int i = 0; i < answerLength; i++)
        {
            answer[i] = Answer();
        }

        Assert.Equal(0, Status & OutputFull);
        return answer;
    }
}
