using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Vmm.Console;

/// <summary>Carries what the user types to the guest's serial port, by way of one thread, "console-in", and a bounded buffer.</summary>
/// <remarks>
/// <para>On a terminal Ctrl-A starts a command, as in QEMU: X ends the machine, P presses its power button, A sends Ctrl-A itself, B a
/// break, H shows help.</para>
/// <para>The guest takes bytes at its own speed, at each <see cref="ISerialInput.InputReady"/>; nothing is lost while it does. When it has
/// taken none for <see cref="StallLimit"/> with the buffer full, input from a terminal is read on for the sake of Ctrl-A X, and dropped.
/// Other input waits.</para>
/// </remarks>
public sealed class ConsoleInput : IDisposable
{
    /// <summary>Bytes that wait for the guest at most.</summary>
    public const int Capacity = 64 * 1024;

    private const byte ControlA = 0x01;
    private const string Help = "\r\nCtrl-A H  this help\r\nCtrl-A X  end the machine\r\n"
        + "Ctrl-A P  press the power button\r\nCtrl-A B  send a break\r\nCtrl-A A  send Ctrl-A\r\n";
    private static readonly TimeSpan DisposeTimeout = TimeSpan.FromSeconds(1);

    private readonly object _gate = new(); // a monitor: the thread waits on it
    private readonly IConsoleSource _source;
    private readonly ISerialInput _serial;
    private readonly IMachineControl _machine;
    private readonly PowerButton _powerButton;
    private readonly TextWriter _messages;
    private readonly ByteRing _pending = new(Capacity);
    private readonly Thread _thread;
    private long _droppedBytes;
    private bool _isStarted;
    private bool _isStopping;
    private bool _isStalled;
    private bool _isCommand;

    /// <summary>Makes the input and takes the serial port's <see cref="ISerialInput.InputReady"/>; <see cref="Start"/> starts its
    /// thread.</summary>
    /// <param name="source">Where bytes come from.</param>
    /// <param name="serial">Where they go.</param>
    /// <param name="machine">Asked to stop by Ctrl-A X.</param>
    /// <param name="powerButton">Pressed by Ctrl-A P.</param>
    /// <param name="messages">Where help is shown: standard error.</param>
    public ConsoleInput(
        IConsoleSource source, ISerialInput serial, IMachineControl machine, PowerButton powerButton, TextWriter messages)
    {
        _source = source;
        _serial = serial;
        _machine = machine;
        _powerButton = powerButton;
        _messages = messages;
        _thread = new Thread(ReadAll) { Name = "console-in", IsBackground = true };
        serial.InputReady = Pump;
    }

    /// <summary>How long the guest may take nothing before a terminal's input is dropped.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Bytes dropped because the guest did not read.</summary>
    public long DroppedBytes => Interlocked.Read(ref _droppedBytes);

    /// <summary>Starts the thread; once.</summary>
    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Ends the thread. What waits for the guest is forgotten.</summary>
    /// <param name="timeout">How long to wait for the thread.</param>
    /// <returns>True if it has ended.</returns>
    public bool Stop(TimeSpan timeout)
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        _source.Unblock();
        return !_isStarted || _thread.Join(timeout);
    }

    /// <summary>Stops with a time limit of one second.</summary>
    public void Dispose() => Stop(DisposeTimeout);

    /// <summary>Gives the guest what it takes. Called on a vCPU thread too: no allocation, no waiting.</summary>
    private void Pump()
    {
        lock (_gate)
        {
            bool hasMoved = false;
            while (_pending.Count > 0 && !_isStopping)
            {
                int accepted = _serial.Receive(_pending.Oldest);
                if (accepted == 0)
                {
                    break;
                }

                _pending.Remove(accepted);
                hasMoved = true;
            }

            if (hasMoved)
            {
                _isStalled = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void ReadAll()
    {
        Span<byte> buffer = stackalloc byte[512];
        while (true)
        {
            int count;
            try
            {
                count = _source.Read(buffer);
            }
            catch (IOException)
            {
                return; // an input that fails has ended; the machine goes on
            }

            if (count == 0)
            {
                return;
            }

            foreach (byte value in buffer[..count])
            {
                Take(value);
            }

            Pump();
        }
    }

    private void Take(byte value)
    {
        if (_isCommand)
        {
            _isCommand = false;
            RunCommand(value);
        }
        else if (value == ControlA && _source.IsInteractive)
        {
            _isCommand = true;
        }
        else
        {
            Queue(value);
        }
    }

    private void RunCommand(byte command)
    {
        switch (command)
        {
            case (byte)'x' or (byte)'X':
                _machine.RequestStop(StopReason.Interrupted);
                break;
            case (byte)'p' or (byte)'P':
                _powerButton.Press();
                break;
            case (byte)'a' or (byte)'A' or ControlA:
                Queue(ControlA);
                break;
            case (byte)'b' or (byte)'B':
                Pump(); // what was typed before the break goes before it
                _serial.ReceiveBreak();
                break;
            case (byte)'h' or (byte)'H' or (byte)'?':
                ShowHelp();
                break;
            default:
                break;
        }
    }

    private void ShowHelp()
    {
        try
        {
            _messages.Write(Help);
            _messages.Flush();
        }
        catch (IOException)
        {
            // Help that cannot be shown is no reason to lose the console.
        }
    }

    private void Queue(byte value)
    {
        lock (_gate)
        {
            while (!_pending.TryAdd(value))
            {
                Pump();
                if (_pending.Free > 0)
                {
                    continue;
                }

                if (_isStopping || _isStalled)
                {
                    Interlocked.Increment(ref _droppedBytes);
                    return;
                }

                bool hasMoved = _source.IsInteractive ? Monitor.Wait(_gate, StallLimit) : Monitor.Wait(_gate);
                _isStalled = !hasMoved;
            }
        }
    }
}
