using System.Diagnostics;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Sharing.Attribution;

namespace KvmSevVmm.Vmm.Console;

/// <summary>Carries the guest's console from vCPU threads to a stream, by way of a bounded buffer and one thread, "console-out".</summary>
/// <remarks>
/// A reader that stops reading fills the buffer; then <see cref="TryWrite"/> says no and the guest's serial port waits, but no vCPU. A
/// reader that is gone (EPIPE) or a full disk ends the writing for good: from then on output is dropped and counted, and the guest goes
/// on. The matcher sees all output in any case.
/// </remarks>
public sealed class ConsoleOutput : ISerialOutput, IDisposable
{
    /// <summary>Bytes that wait for the stream at most, without the chunk that is being written.</summary>
    public const int DefaultCapacity = 256 * 1024;

    private const int ChunkSize = 16 * 1024;
    private static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan DisposeTimeout = TimeSpan.FromSeconds(1);

    private readonly Lock _startLock = new();
    private readonly object _gate = new(); // a monitor: the thread waits on it
    private readonly ByteRing _ring;
    private readonly byte[] _chunk = new byte[ChunkSize];
    private readonly Stream _stream;
    private readonly ConsoleMatcher? _matcher;
    private readonly ConsoleHints? _hints;
    private readonly Thread _thread;
    private long _firstByteTimestamp;
    private long _writtenBytes;
    private long _droppedBytes;
    private volatile Exception? _failure;
    private bool _isStarted;
    private bool _isWaiting;
    private bool _hasRefused;
    private bool _isStopping;
    private bool _isClosed;

    /// <summary>Makes the console; <see cref="Start"/> starts its thread.</summary>
    /// <param name="stream">Where the bytes go: unbuffered and blocking; stays the caller's. <see cref="Stream.Null"/> for nowhere.</param>
    /// <param name="matcher">Sees every byte before it is written, or null.</param>
    /// <param name="capacity">Bytes that may wait.</param>
    /// <param name="hints">Sees every byte too, or null.</param>
    public ConsoleOutput(Stream stream, ConsoleMatcher? matcher = null, int capacity = DefaultCapacity, ConsoleHints? hints = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _stream = stream;
        _matcher = matcher;
        _hints = hints;
        _ring = new ByteRing(capacity);
        _thread = new Thread(Drain) { Name = "console-out", IsBackground = true };
    }

    /// <inheritdoc/>
    public Action? OutputReady { get; set; }

    /// <summary>When the guest's first byte came, as <see cref="Stopwatch.GetTimestamp"/>; 0 before.</summary>
    public long FirstByteTimestamp => Interlocked.Read(ref _firstByteTimestamp);

    /// <summary>Bytes that the stream has taken.</summary>
    public long WrittenBytes => Interlocked.Read(ref _writtenBytes);

    /// <summary>Bytes that were dropped because the stream had failed or the console was stopped; of the chunk during which it failed,
    /// all.</summary>
    public long DroppedBytes => Interlocked.Read(ref _droppedBytes);

    /// <summary>Why the stream takes no more, or null while it does.</summary>
    public Exception? Failure => _failure;

    /// <summary>Starts the thread; idempotent.</summary>
    public void Start()
    {
        lock (_startLock)
        {
            if (!_isStarted)
            {
                _isStarted = true;
                _thread.Start();
            }
        }
    }

    /// <inheritdoc/>
    public bool TryWrite(byte value) => Write([value]) == 1;

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (data.IsEmpty)
            {
                return 0;
            }

            if (_firstByteTimestamp == 0)
            {
                Interlocked.Exchange(ref _firstByteTimestamp, Stopwatch.GetTimestamp());
            }

            if (_isClosed)
            {
                Interlocked.Add(ref _droppedBytes, data.Length);
                return data.Length;
            }

            int taken = _ring.Add(data);
            _hasRefused |= taken < data.Length;
            if (_isWaiting && taken > 0)
            {
                _isWaiting = false;
                Monitor.Pulse(_gate);
            }

            return taken;
        }
    }

    /// <summary>Writes what still waits and ends the thread. What the guest sends afterwards is dropped. Idempotent.</summary>
    /// <param name="timeout">How long to wait for a reader that does not read; its bytes are then dropped, and the thread is left to the
    /// end of the process.</param>
    /// <returns>True if all was written (or dropped earlier, by a failed stream).</returns>
    public bool Stop(TimeSpan timeout)
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        bool hasEnded;
        lock (_startLock)
        {
            hasEnded = _isStarted && _thread.Join(timeout);
        }

        lock (_gate)
        {
            _isClosed = true;
            bool isFlushed = hasEnded || (!_isStarted && _ring.Count == 0);
            Interlocked.Add(ref _droppedBytes, _ring.Count);
            _ring.Remove(_ring.Count);
            return isFlushed;
        }
    }

    /// <summary>Stops with a time limit of one second.</summary>
    public void Dispose() => Stop(DisposeTimeout);

    private void Drain()
    {
        while (TryTakeChunk(out int count, out bool hasRefused))
        {
            if (hasRefused)
            {
                OutputReady?.Invoke();
            }

            ReadOnlySpan<byte> chunk = _chunk.AsSpan(0, count);
            _matcher?.Feed(chunk);
            _hints?.Feed(chunk);
            WriteOut(chunk);
        }
    }

    private bool TryTakeChunk(out int count, out bool hasRefused)
    {
        lock (_gate)
        {
            while (_ring.Count == 0 && !_isStopping)
            {
                _isWaiting = true;
                Monitor.Wait(_gate);
            }

            if (_ring.Count > 0 && _ring.Count < ChunkSize && !_isStopping)
            {
                // A guest sends a line byte by byte: let it gather, for one wake-up and one write instead of eighty.
                Monitor.Wait(_gate, GatherTime);
            }

            _isWaiting = false;
            count = _ring.Take(_chunk);
            hasRefused = _hasRefused;
            _hasRefused = false;
            _isClosed |= count == 0;
            return count > 0;
        }
    }

    private void WriteOut(ReadOnlySpan<byte> chunk)
    {
        if (_failure is null)
        {
            try
            {
                _stream.Write(chunk);
                _stream.Flush();
                Interlocked.Add(ref _writtenBytes, chunk.Length);
                return;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
            {
                _failure = e;
            }
        }

        Interlocked.Add(ref _droppedBytes, chunk.Length);
    }
}
