namespace KvmSevVmm.Vmm.Devices;

/// <summary>The PC keyboard controller: self test, a keyboard that answers, no mouse, and the reset line.</summary>
/// <remarks>
/// <para>Source: IBM PC AT Technical Reference (8042); Linux drivers/input/serio/i8042.c for what a driver tries. Every command is done at
/// once, so the input buffer is never full, and everything that a probe waits for is there at its first look. The auxiliary port is absent
/// in the way that ends a probe soonest: its loop command answers as keyboard data and its test reports a stuck clock.</para>
/// <para>The two ports do not adjoin (0x61 belongs to the timer), so each is a device of its own.</para>
/// </remarks>
public sealed class I8042
{
    /// <summary>Port of <see cref="Data"/>, one byte.</summary>
    public const ushort DataPort = 0x60;

    /// <summary>Port of <see cref="Command"/>, one byte.</summary>
    public const ushort CommandPort = 0x64;

    /// <summary>ISA interrupt of the keyboard.</summary>
    public const int KeyboardIrq = 1;

    private const byte StatusOutputFull = 0x01;
    private const byte StatusSystem = 0x04;
    private const byte StatusCommand = 0x08;
    private const byte StatusUnlocked = 0x10;
    private const byte StatusAux = 0x20;
    private const byte StatusTimeout = 0x40;
    private const byte ModeKeyboardInterrupt = 0x01;
    private const byte ModeSystem = 0x04;
    private const byte ModeKeyboardDisabled = 0x10;
    private const byte ModeAuxDisabled = 0x20;
    private const byte ModeTranslate = 0x40;
    private const byte OutputNotReset = 0x01;
    private const byte OutputA20 = 0x02;
    private const byte OutputKeyboardFull = 0x10;

    private readonly Lock _lock = new();
    private readonly IMachineControl _machine;
    private readonly IInterruptLine? _keyboardInterrupt;
    private readonly Ps2Keyboard _keyboard = new();
    private readonly byte[] _ram = new byte[32];
    private byte _pendingCommand;
    private byte _outputLines = OutputNotReset | OutputA20;
    private byte _output;
    private byte _outputFlags; // StatusOutputFull and what belongs to it, or 0
    private bool _isCommandLast;
    private bool _isAsserted;

    /// <summary>Makes the controller as a BIOS leaves it: keyboard on, translation on, no auxiliary port.</summary>
    /// <param name="machine">Asked for a reset by commands 0xFE and 0xD1.</param>
    /// <param name="keyboardInterrupt">IRQ 1, or null. Linux's keyboard driver waits for it, in the background.</param>
    public I8042(IMachineControl machine, IInterruptLine? keyboardInterrupt = null)
    {
        _machine = machine;
        _keyboardInterrupt = keyboardInterrupt;
        _ram[0] = ModeKeyboardInterrupt | ModeSystem | ModeAuxDisabled | ModeTranslate;
        Data = new Port(this, isCommand: false);
        Command = new Port(this, isCommand: true);
    }

    /// <summary>The data port: keyboard and answers.</summary>
    public IBusDevice Data { get; }

    /// <summary>The command and status port.</summary>
    public IBusDevice Command { get; }

    private byte Mode => _ram[0];

    private byte Read(bool isCommand)
    {
        lock (_lock)
        {
            return isCommand ? ReadStatus() : ReadData();
        }
    }

    private void Write(bool isCommand, byte value)
    {
        lock (_lock)
        {
            _isCommandLast = isCommand;
            if (isCommand)
            {
                WriteCommand(value);
            }
            else
            {
                WriteData(value);
            }

            FillOutput();
        }
    }

    private byte ReadStatus()
    {
        byte status = (byte)(StatusUnlocked | _outputFlags | (Mode & ModeSystem));
        return (byte)(_isCommandLast ? status | StatusCommand : status);
    }

    private byte ReadData()
    {
        // Reading empties the output buffer and lowers the interrupt; the keyboard's next byte raises it again: one edge a byte.
        byte value = _output;
        _outputFlags = 0;
        UpdateInterrupt();
        FillOutput();
        return value;
    }

    private void WriteCommand(byte value)
    {
        _pendingCommand = 0;
        switch (value)
        {
            case >= 0x20 and <= 0x3F: // read controller RAM; byte 0 is the command byte
                Answer(_ram[value - 0x20]);
                break;
            case >= 0x60 and <= 0x7F: // write controller RAM
            case 0xD1: // write output port
            case 0xD2: // write keyboard output buffer
            case 0xD3: // write auxiliary output buffer
            case 0xD4: // write to the auxiliary device
                _pendingCommand = value;
                break;
            case 0xA4: // is a password installed?
                Answer(0xF1);
                break;
            case 0xA7:
                _ram[0] |= ModeAuxDisabled;
                break;
            case 0xA8:
                _ram[0] &= unchecked((byte)~ModeAuxDisabled);
                break;
            case 0xA9: // test auxiliary interface: clock stuck low
                Answer(0x01);
                break;
            case 0xAA: // self test
                _ram[0] |= ModeSystem;
                Answer(0x55);
                break;
            case 0xAB: // test keyboard interface: good
                Answer(0x00);
                break;
            case 0xAD:
                _ram[0] |= ModeKeyboardDisabled;
                break;
            case 0xAE:
                _ram[0] &= unchecked((byte)~ModeKeyboardDisabled);
                break;
            case 0xC0: // read input port: keyboard not locked
                Answer(0x80);
                break;
            case 0xD0: // read output port
                Answer((byte)(_outputLines | ((_outputFlags & StatusOutputFull) != 0 ? OutputKeyboardFull : 0)));
                break;
            case 0xDD:
                _outputLines &= unchecked((byte)~OutputA20);
                break;
            case 0xDF:
                _outputLines |= OutputA20;
                break;
            case 0xE0: // read test inputs
                Answer(0x00);
                break;
            case >= 0xF0 when (value & OutputNotReset) == 0: // pulse output lines; line 0 resets the processor
                _machine.RequestStop(StopReason.Reset);
                break;
            default:
                break;
        }
    }

    private void WriteData(byte value)
    {
        byte command = _pendingCommand;
        _pendingCommand = 0;
        switch (command)
        {
            case 0: // for the keyboard; sending to it enables it
                _ram[0] &= unchecked((byte)~ModeKeyboardDisabled);
                _keyboard.Write(value);
                break;
            case >= 0x60 and <= 0x7F:
                _ram[command - 0x60] = value;
                break;
            case 0xD1:
                _outputLines = (byte)(OutputNotReset | (value & OutputA20));
                if ((value & OutputNotReset) == 0)
                {
                    _machine.RequestStop(StopReason.Reset);
                }

                break;
            case 0xD2:
            case 0xD3: // no auxiliary port: the byte comes back, but not as auxiliary data
                Answer(value);
                break;
            default: // 0xD4: nobody answers on the auxiliary port
                Answer(0xFE, StatusAux | StatusTimeout);
                break;
        }
    }

    /// <summary>Puts an answer into the output buffer, over one that was not read.</summary>
    private void Answer(byte value, byte flags = 0)
    {
        _output = value;
        _outputFlags = (byte)(StatusOutputFull | flags);
    }

    private void FillOutput()
    {
        if (_outputFlags == 0 && _keyboard.HasData && (Mode & ModeKeyboardDisabled) == 0)
        {
            Answer(Translate(_keyboard.Read()));
        }

        UpdateInterrupt();
    }

    /// <summary>Scan code set 2 to set 1, for the bytes below 0x85 that this keyboard can send; all others are the same in both.</summary>
    private byte Translate(byte value) => (Mode & ModeTranslate) == 0 ? value : (byte)(value switch
    {
        0x00 => 0xFF,
        0x01 => 0x43,
        0x02 => 0x41,
        0x03 => 0x3F,
        0x83 => 0x41,
        _ => value,
    });

    private void UpdateInterrupt()
    {
        bool isPending = (Mode & ModeKeyboardInterrupt) != 0 && (_outputFlags & (StatusOutputFull | StatusAux)) == StatusOutputFull;
        if (isPending != _isAsserted)
        {
            _isAsserted = isPending;
            _keyboardInterrupt?.Set(isPending);
        }
    }

    private sealed class Port(I8042 controller, bool isCommand) : ByteDevice
    {
        protected override byte ReadByte(ulong offset) => controller.Read(isCommand);

        protected override void WriteByte(ulong offset, byte value) => controller.Write(isCommand, value);
    }
}
