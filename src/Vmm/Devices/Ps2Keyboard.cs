namespace KvmSevVmm.Vmm.Devices;

/// <summary>A PS/2 keyboard on which nobody types: it answers commands, so that a driver's probe ends at once. Not thread-safe.</summary>
/// <remarks>Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)".</remarks>
internal sealed class Ps2Keyboard
{
    private const byte Acknowledge = 0xFA;
    private const byte Resend = 0xFE;
    private const byte SelfTestPassed = 0xAA;
    private const int QueueSize = 4; // the longest answer has three bytes

    private readonly byte[] _queue = new byte[QueueSize];
    private int _head;
    private int _count;
    private byte _pendingCommand;
    private byte _scancodeSet = 2;
    private byte _lastSent;

    /// <summary>Whether it has something to say.</summary>
    public bool HasData => _count > 0;

    /// <summary>Takes the next byte that it sends; 0 if there is none.</summary>
    public byte Read()
    {
        if (_count == 0)
        {
            return 0;
        }

        _lastSent = _queue[_head];
        _head = (_head + 1) % QueueSize;
        _count--;
        return _lastSent;
    }

    /// <summary>Takes a byte from the controller: a command or the argument of one.</summary>
    /// <param name="value">The byte.</param>
    public void Write(byte value)
    {
        // A keyboard that is spoken to drops what it had not sent yet.
        _count = 0;
        byte command = _pendingCommand;
        _pendingCommand = 0;
        if (command != 0 && value < 0xED)
        {
            TakeArgument(command, value);
            return;
        }

        switch (value)
        {
            case 0xED: // set LEDs
            case 0xF0: // select or ask for the scan code set
            case 0xF3: // set typematic rate
            case 0xFB: // set the type of one key
            case 0xFC:
            case 0xFD:
                _pendingCommand = value;
                Send(Acknowledge);
                break;
            case 0xEE: // echo
                Send(0xEE);
                break;
            case 0xF2: // identify: MF2 keyboard
                Send(Acknowledge);
                Send(0xAB);
                Send(0x83);
                break;
            case 0xF5: // default disable
            case 0xF6: // set defaults
                _scancodeSet = 2;
                Send(Acknowledge);
                break;
            case 0xF4: // enable
            case >= 0xF7 and <= 0xFA: // set the type of all keys
                Send(Acknowledge);
                break;
            case 0xFE: // resend
                Send(_lastSent);
                break;
            case 0xFF: // reset and self test
                _scancodeSet = 2;
                Send(Acknowledge);
                Send(SelfTestPassed);
                break;
            default:
                Send(Resend);
                break;
        }
    }

    private void TakeArgument(byte command, byte value)
    {
        if (command == 0xF0 && value > 3)
        {
            Send(Resend);
            return;
        }

        Send(Acknowledge);
        if (command == 0xF0 && value == 0)
        {
            Send(_scancodeSet);
        }
        else if (command == 0xF0)
        {
            _scancodeSet = value;
        }
    }

    private void Send(byte value) => _queue[(_head + _count++) % QueueSize] = value;
}
