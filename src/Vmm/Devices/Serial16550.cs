using static KvmSevVmm.Vmm.Devices.SerialBits;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>A 16550A UART: eight byte registers, two FIFOs, one interrupt.</summary>
/// <remarks>
/// <para>Source: National Semiconductor PC16550D. The line has no speed: a byte is sent when the output takes it, and the four character
/// times that the receive timeout waits are over at once. So a received byte interrupts at once: as "data available" from the trigger
/// level on, as "timeout" below it. The word length in LCR does not cut bytes, and DTR and RTS reach nobody. The peer holds CTS, DSR and
/// DCD asserted.</para>
/// <para>The interrupt line is that of a PC: MCR.OUT2 gates it, in loopback mode too (as in Super-I/O chips), so that a driver can test
/// its interrupt there. PC interrupts are edges; where the chip would lower the line for a moment and raise it again, this one does
/// too.</para>
/// <para>When the output is full, bytes wait in the transmit FIFO, THRE stays 0 and nothing else stops. Bytes that a guest writes into a
/// full FIFO are lost, and counted.</para>
/// </remarks>
public sealed class Serial16550 : ByteDevice, ISerialInput
{
    /// <summary>First port of COM1.</summary>
    public const ushort Com1Port = 0x3F8;

    /// <summary>ISA interrupt of COM1.</summary>
    public const int Com1Irq = 4;

    /// <summary>Ports it occupies.</summary>
    public const int WindowLength = 8;

    private readonly Lock _lock = new();
    private readonly IInterruptLine _interrupt;
    private readonly ISerialOutput _output;
    private readonly SerialFifo _receive = new();
    private readonly SerialFifo _transmit = new();
    private readonly SerialModem _modem = new();
    private long _lostOutputBytes;
    private ushort _divisor = 1;
    private byte _interruptEnable;
    private byte _lineControl;
    private byte _scratch;
    private int _triggerLevel = 1;
    private bool _isFifoEnabled;
    private bool _hasOverrun;
    private bool _isThrePending;
    private bool _isBurst;
    private bool _isAsserted;
    private bool _hasRefusedInput;

    /// <summary>Makes the port in its reset state and takes the output's <see cref="ISerialOutput.OutputReady"/>.</summary>
    /// <param name="interrupt">Its interrupt line, driven as a level and only on changes.</param>
    /// <param name="output">Where its bytes go.</param>
    public Serial16550(IInterruptLine interrupt, ISerialOutput output)
    {
        _interrupt = interrupt;
        _output = output;
        output.OutputReady = OnOutputReady;
    }

    /// <inheritdoc/>
    public Action? InputReady { get; set; }

    /// <summary>Bytes lost because the guest wrote them although THRE said no, or cleared the FIFO that they waited in.</summary>
    public long LostOutputBytes => Interlocked.Read(ref _lostOutputBytes);

    private int Capacity => _isFifoEnabled ? SerialFifo.Size : 1;

    /// <inheritdoc/>
    public int Receive(ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            int accepted = 0;
            while (accepted < data.Length && !_modem.IsLoopback && _receive.Count < Capacity)
            {
                _receive.Push(data[accepted++]);
            }

            _hasRefusedInput |= accepted < data.Length;
            UpdateInterrupt();
            return accepted;
        }
    }

    /// <inheritdoc/>
    public bool ReceiveBreak()
    {
        lock (_lock)
        {
            if (_modem.IsLoopback || _receive.Count == Capacity)
            {
                return false;
            }

            _receive.Push(0, LsrBreak);
            UpdateInterrupt();
            return true;
        }
    }

    /// <inheritdoc/>
    protected override byte ReadByte(ulong offset)
    {
        byte value;
        bool isInputReady;
        lock (_lock)
        {
            _isBurst = false;
            value = (offset & 7) switch
            {
                0 => (_lineControl & LcrDlab) != 0 ? (byte)_divisor : ReadReceiveBuffer(),
                1 => (_lineControl & LcrDlab) != 0 ? (byte)(_divisor >> 8) : _interruptEnable,
                2 => ReadInterruptIdentification(),
                3 => _lineControl,
                4 => _modem.Control,
                5 => ReadLineStatus(),
                6 => _modem.ReadStatus(),
                _ => _scratch,
            };
            UpdateInterrupt();
            isInputReady = TakeInputReady();
        }

        if (isInputReady)
        {
            InputReady?.Invoke();
        }

        return value;
    }

    /// <inheritdoc/>
    protected override void WriteByte(ulong offset, byte value)
    {
        bool isInputReady;
        lock (_lock)
        {
            bool isTransmit = (offset & 7) == 0 && (_lineControl & LcrDlab) == 0;
            switch (offset & 7)
            {
                case 0 when isTransmit:
                    Transmit(value);
                    break;
                case 0:
                    _divisor = (ushort)((_divisor & 0xFF00) | value);
                    break;
                case 1 when (_lineControl & LcrDlab) != 0:
                    _divisor = (ushort)((_divisor & 0x00FF) | (value << 8));
                    break;
                case 1:
                    WriteInterruptEnable(value);
                    break;
                case 2:
                    WriteFifoControl(value);
                    break;
                case 3:
                    WriteLineControl(value);
                    break;
                case 4:
                    _modem.WriteControl(value);
                    break;
                case 7:
                    _scratch = value;
                    break;
                default:
                    break; // LSR and MSR are read-only; writing them is for factory tests
            }

            _isBurst = isTransmit;
            UpdateInterrupt();
            isInputReady = TakeInputReady();
        }

        if (isInputReady)
        {
            InputReady?.Invoke();
        }
    }

    private void OnOutputReady()
    {
        lock (_lock)
        {
            if (_transmit.Count == 0)
            {
                return;
            }

            while (_transmit.Count > 0 && _output.TryWrite(_transmit.Top))
            {
                _transmit.Pop();
            }

            if (_transmit.Count == 0)
            {
                _isThrePending = true;
                UpdateInterrupt();
            }
        }
    }

    private byte ReadReceiveBuffer()
    {
        byte value = _receive.Pop();
        if ((_interruptEnable & IerReceive) != 0 && _receive.Count > 0 && _receive.Count < _triggerLevel)
        {
            // The read resets the timeout interrupt; it comes back after four character times, that is at once, but as a new edge.
            LowerLine();
        }

        return value;
    }

    private byte ReadInterruptIdentification()
    {
        byte id = IdentifyInterrupt();
        if (id == IirTransmit)
        {
            _isThrePending = false;
        }

        return (byte)(id | (_isFifoEnabled ? IirFifoEnabled : 0));
    }

    private byte ReadLineStatus()
    {
        byte status = _receive.TopErrors;
        if (_receive.Count > 0)
        {
            status |= LsrDataReady;
        }

        if (_hasOverrun)
        {
            status |= LsrOverrun;
        }

        if (_transmit.Count == 0)
        {
            status |= LsrThre | LsrTemt;
        }

        if (_isFifoEnabled && _receive.HasErrors)
        {
            status |= LsrFifoError;
        }

        _hasOverrun = false;
        _receive.AcknowledgeTopErrors();
        return status;
    }

    private void Transmit(byte value)
    {
        _isThrePending = false;
        if (!_isFifoEnabled || !_isBurst)
        {
            // Writing THR resets its interrupt. Within a burst into the FIFO the interrupt comes once, after it.
            LowerLineUnlessOtherwisePending();
        }

        if (_modem.IsLoopback)
        {
            Loop(value, 0);
            _isThrePending = true;
        }
        else if (_transmit.Count == 0 && _output.TryWrite(value))
        {
            _isThrePending = true;
        }
        else if (_transmit.Count < Capacity)
        {
            _transmit.Push(value);
        }
        else
        {
            Interlocked.Increment(ref _lostOutputBytes);
            if (!_isFifoEnabled)
            {
                _transmit.Clear();
                _transmit.Push(value);
            }
        }
    }

    private void Loop(byte value, byte errors)
    {
        if (_receive.Count < Capacity)
        {
            _receive.Push(value, errors);
            return;
        }

        // A full FIFO keeps what it has and the shift register is overwritten; without a FIFO the new byte replaces the unread one.
        _hasOverrun = true;
        if (!_isFifoEnabled)
        {
            _receive.Clear();
            _receive.Push(value, errors);
        }
    }

    private void WriteInterruptEnable(byte value)
    {
        byte enabled = (byte)(value & ~_interruptEnable);
        _interruptEnable = (byte)(value & 0x0F);
        if ((enabled & IerTransmit) != 0 && _transmit.Count == 0)
        {
            // Enabling the interrupt while THR is empty raises it, also when reading IIR had cleared it. Linux tests for this.
            _isThrePending = true;
        }
    }

    private void WriteFifoControl(byte value)
    {
        bool isEnabled = (value & FcrEnable) != 0;
        bool isModeChange = isEnabled != _isFifoEnabled;
        _isFifoEnabled = isEnabled;

        // The other bits are programmed only together with bit 0.
        _triggerLevel = !isEnabled ? 1 : (value >> 6) switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 };
        if (isModeChange || (isEnabled && (value & FcrClearReceive) != 0))
        {
            _receive.Clear();
        }

        if ((isModeChange || (isEnabled && (value & FcrClearTransmit) != 0)) && _transmit.Count > 0)
        {
            Interlocked.Add(ref _lostOutputBytes, _transmit.Count);
            _transmit.Clear();
            _isThrePending = true;
        }
    }

    private void WriteLineControl(byte value)
    {
        bool isBreakStart = (value & ~_lineControl & LcrBreak) != 0;
        _lineControl = value;
        if (isBreakStart && _modem.IsLoopback)
        {
            Loop(0, LsrBreak);
        }
    }

    private byte IdentifyInterrupt()
    {
        if ((_interruptEnable & IerLineStatus) != 0 && (_hasOverrun || _receive.TopErrors != 0))
        {
            return IirLineStatus;
        }

        if ((_interruptEnable & IerReceive) != 0 && _receive.Count > 0)
        {
            return _receive.Count >= _triggerLevel ? IirReceive : IirTimeout;
        }

        if ((_interruptEnable & IerTransmit) != 0 && _isThrePending)
        {
            return IirTransmit;
        }

        return (_interruptEnable & IerModemStatus) != 0 && _modem.HasChanged ? IirModemStatus : IirNone;
    }

    private void UpdateInterrupt()
    {
        bool isPending = _modem.IsInterruptEnabled && IdentifyInterrupt() != IirNone;
        if (isPending != _isAsserted)
        {
            _isAsserted = isPending;
            _interrupt.Set(isPending);
        }
    }

    private void LowerLine()
    {
        if (_isAsserted)
        {
            _isAsserted = false;
            _interrupt.Set(false);
        }
    }

    private void LowerLineUnlessOtherwisePending()
    {
        if (IdentifyInterrupt() == IirNone)
        {
            LowerLine();
        }
    }

    private bool TakeInputReady()
    {
        // When everything has been read, not at every byte: the next burst then fills the FIFO and makes one interrupt.
        bool isReady = _hasRefusedInput && !_modem.IsLoopback && _receive.Count == 0;
        _hasRefusedInput &= !isReady;
        return isReady;
    }
}
