using System.Diagnostics;
using KvmSevVmm.Vmm.Console;
using Serilog.Events;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>virtio-console with one port, Linux' hvc0: bytes to and from the host's console.</summary>
/// <remarks>
/// <para>What the host does not take now stays in the guest's queue, so a slow reader loses nothing. But Linux' driver spins, interrupts
/// off, until its bytes are taken; so if the reader has taken none for <see cref="Patience"/>, output is dropped and counted until it
/// reads again. What is typed waits in a ring of <see cref="InputCapacity"/> bytes, also while no driver is there.</para>
/// <para>VIRTIO_CONSOLE_F_SIZE is offered when the size of the host's terminal is known. Not VIRTIO_CONSOLE_F_MULTIPORT: there is one port.
/// Source: virtio 1.2, 5.3.</para>
/// </remarks>
public sealed class VirtioConsole : VirtioDevice, ISerialInput, IDisposable
{
    /// <summary>Bytes typed that wait for the guest at most.</summary>
    public const int InputCapacity = 4096;

    private const int ReceiveQueue = 0;
    private const int TransmitQueue = 1;
    private const int PieceSize = 16 * 1024;
    private const ulong SizeFeature = 1;
    private const int ColumnsOffset = 0;
    private const int RowsOffset = 2;

    // Ctrl-O: what begins a SysRq on Linux' hvc consoles, where there is no break.
    private const byte SysRqPrefix = 0x0F;

    private readonly Lock _inputLock = new();
    private readonly ByteRing _input = new(InputCapacity);
    private readonly byte[] _piece = new byte[PieceSize];
    private readonly ISerialOutput _output;
    private readonly BoundedLog _log;
    private readonly Timer _patienceTimer;
    private VirtioMmioTransport? _transport;
    private ulong _taken; // of the chain at the head of the transmit queue
    private long _refusedSince;
    private long _droppedBytes;
    private bool _isDropping;
    private bool _mustTellSize;
    private bool _hasRefusedInput;

    /// <summary>Makes the console and takes the output's <see cref="ISerialOutput.OutputReady"/>.</summary>
    /// <param name="name">What logs and results call it.</param>
    /// <param name="output">Where the guest's bytes go.</param>
    /// <param name="size">Columns and rows of the host's terminal; null when there is none.</param>
    /// <param name="log">For what the host's side does wrong.</param>
    public VirtioConsole(string name, ISerialOutput output, (ushort Columns, ushort Rows)? size, BoundedLog log)
        : base(VirtioDeviceType.Console, name, queueCount: 2, configLength: 12)
    {
        _output = output;
        _log = log;
        _patienceTimer = new Timer(_ => Kick(TransmitQueue));
        if (size is (ushort columns, ushort rows))
        {
            Features = SizeFeature;
            SetConfig16(ColumnsOffset, columns);
            SetConfig16(RowsOffset, rows);
        }

        output.OutputReady = () => Kick(TransmitQueue);
    }

    /// <inheritdoc/>
    public Action? InputReady { get; set; }

    /// <summary>How long the host may take nothing before output is dropped.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Bytes of the guest that were dropped because the host took none. From any thread.</summary>
    public long DroppedBytes => Interlocked.Read(ref _droppedBytes);

    /// <inheritdoc/>
    public override void Attach(VirtioMmioTransport transport, EventLoop loop) => _transport = transport;

    /// <inheritdoc/>
    public override void OnActivated(ulong features) => _mustTellSize = (features & SizeFeature) != 0;

    /// <inheritdoc/>
    public override void OnReset()
    {
        _taken = 0;
        _refusedSince = 0;
    }

    /// <summary>The host's terminal has another size now. From any thread; without effect where no size was known at the start.</summary>
    /// <param name="columns">Characters of a line.</param>
    /// <param name="rows">Lines.</param>
    public void Resize(ushort columns, ushort rows)
    {
        if (Features == 0 || _transport is not { } transport)
        {
            return;
        }

        lock (transport.Gate)
        {
            SetConfig16(ColumnsOffset, columns);
            SetConfig16(RowsOffset, rows);
            transport.NotifyConfigChange();
        }
    }

    /// <inheritdoc/>
    public int Receive(ReadOnlySpan<byte> data)
    {
        int taken;
        lock (_inputLock)
        {
            taken = _input.Add(data);
            _hasRefusedInput |= taken < data.Length;
        }

        if (taken > 0)
        {
            Kick(ReceiveQueue);
        }

        return taken;
    }

    /// <inheritdoc/>
    public bool ReceiveBreak() => Receive([SysRqPrefix]) == 1;

    /// <inheritdoc/>
    public override QueueProgress ProcessNext(Virtqueue queue) => queue.Index == ReceiveQueue ? SendInput(queue) : TakeOutput(queue);

    /// <inheritdoc/>
    public void Dispose()
    {
        using ManualResetEvent hasEnded = new(initialState: false);
        if (_patienceTimer.Dispose(hasEnded))
        {
            hasEnded.WaitOne();
        }

        _transport = null;
    }

    private void Kick(int queue) => _transport?.GetKick(queue).Signal();

    private QueueProgress SendInput(Virtqueue queue)
    {
        lock (_inputLock)
        {
            if (_input.Count == 0)
            {
                return QueueProgress.Blocked;
            }
        }

        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        if (chain.WritableLength == 0)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        Span<byte> typed = _piece.AsSpan(0, (int)Math.Min(chain.WritableLength, InputCapacity));
        bool hasRefused;
        lock (_inputLock)
        {
            typed = typed[.._input.Take(typed)];
            hasRefused = _hasRefusedInput;
            _hasRefusedInput = false;
        }

        if (chain.TryWrite(typed))
        {
            Statistics.BytesToGuest += typed.Length;
            queue.AddUsed(chain.Head, (uint)typed.Length);
        }

        if (hasRefused)
        {
            InputReady?.Invoke();
        }

        return QueueProgress.Processed;
    }

    /// <summary>Takes a piece of the chain at the head of the queue; a chain is as long as the guest likes, a turn is not.</summary>
    private QueueProgress TakeOutput(Virtqueue queue)
    {
        if (!queue.TryPop(out DescriptorChain? chain))
        {
            return QueueProgress.Idle;
        }

        if (_mustTellSize)
        {
            // Linux reads the size at a change only, and is not ready for one before it has a console to write to.
            _mustTellSize = false;
            _transport!.NotifyConfigChange();
        }

        if (chain.ReadableLength == 0)
        {
            queue.RefuseRequest(chain);
            return QueueProgress.Idle;
        }

        // The driver may have changed what it offered: then it gets what it asked for.
        chain.SkipReadable(Math.Min(_taken, chain.ReadableLength));
        Span<byte> piece = _piece.AsSpan(0, (int)Math.Min(chain.ReadableLength, PieceSize));
        if (!chain.TryRead(piece))
        {
            return QueueProgress.Idle;
        }

        int taken = _output.Write(piece);
        _taken += (ulong)taken;
        Statistics.BytesFromGuest += taken;
        if (taken > 0)
        {
            _refusedSince = 0;
            _isDropping = false;
        }

        if (taken == piece.Length && chain.ReadableLength == 0)
        {
            return Complete(queue, chain);
        }

        if (taken == piece.Length)
        {
            queue.UndoPop();
            return QueueProgress.Processed;
        }

        if (MustDrop())
        {
            Interlocked.Add(ref _droppedBytes, (long)chain.ReadableLength + piece.Length - taken);
            Statistics.HostErrors++;
            return Complete(queue, chain);
        }

        queue.UndoPop();
        return QueueProgress.Blocked;
    }

    private QueueProgress Complete(Virtqueue queue, DescriptorChain chain)
    {
        _taken = 0;
        queue.AddUsed(chain.Head, 0);
        return QueueProgress.Processed;
    }

    private bool MustDrop()
    {
        if (_isDropping)
        {
            return true;
        }

        if (_refusedSince == 0)
        {
            _refusedSince = Stopwatch.GetTimestamp();
        }

        TimeSpan waited = Stopwatch.GetElapsedTime(_refusedSince);
        if (waited < Patience)
        {
            _patienceTimer.Change(Patience - waited + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
            return false;
        }

        _isDropping = true;
        if (_log.MayWrite(LogEventLevel.Warning))
        {
            _log.Log.Warning("{Device}: nobody takes the guest's output, so it is dropped until somebody does", Name);
        }

        return true;
    }
}
