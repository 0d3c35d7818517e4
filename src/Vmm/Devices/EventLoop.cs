using KvmSevVmm.KvmNative;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>One thread that waits for descriptors and calls whoever is responsible for the one that is ready.</summary>
/// <remarks>Nothing async runs on it, and a turn allocates nothing. Handlers may add and remove descriptors, from any thread.</remarks>
public sealed class EventLoop : IDisposable
{
    private const int EventsPerTurn = 32;
    private const ulong RequestData = ulong.MaxValue;
    private static readonly TimeSpan DisposeTimeout = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly Epoll _epoll;
    private readonly EventFd _request;
    private readonly Thread _thread;
    private readonly Stack<int> _free = new();
    private readonly ThreadGate _gate = new(isOpen: true);

    /// <summary>Tokens that are free from the next turn on: in this one there may still be events of theirs.</summary>
    private readonly Stack<int> _removed = new();

    private IReadyHandler?[] _handlers = new IReadyHandler?[16];
    private int _count;
    private bool _isStarted;
    private bool _isStopping;

    /// <summary>Makes the loop; <see cref="Start"/> starts its thread.</summary>
    /// <param name="name">The thread's name.</param>
    public EventLoop(string name)
    {
        Name = name;
        _epoll = Epoll.Create();
        _request = EventFd.Create();
        _epoll.Add(_request, EpollEvents.Readable, RequestData);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
    }

    /// <summary>The thread's name.</summary>
    public string Name { get; }

    /// <summary>Called once, on the loop's thread, when a handler has thrown: a bug or a host that fails. The loop ends.</summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Starts to watch a descriptor.</summary>
    /// <param name="fd">An eventfd, socket or the like. Remove it before it is closed.</param>
    /// <param name="events">What to wait for.</param>
    /// <param name="handler">Who is called, on the loop's thread.</param>
    /// <returns>The token for <see cref="Modify"/> and <see cref="Remove"/>.</returns>
    /// <exception cref="KvmNative.Errors.KvmException">epoll_ctl(2) failed.</exception>
    public int Add(System.Runtime.InteropServices.SafeHandle fd, EpollEvents events, IReadyHandler handler)
    {
        int token;
        lock (_lock)
        {
            if (!_free.TryPop(out token))
            {
                if (_count == _handlers.Length)
                {
                    IReadyHandler?[] larger = new IReadyHandler?[_count * 2];
                    _handlers.CopyTo(larger, 0);
                    Volatile.Write(ref _handlers, larger);
                }

                token = _count++;
            }

            Volatile.Write(ref _handlers[token], handler);
        }

        _epoll.Add(fd, events, (ulong)token);
        return token;
    }

    /// <summary>Changes what is waited for.</summary>
    /// <param name="token">What <see cref="Add"/> gave.</param>
    /// <param name="fd">The same descriptor.</param>
    /// <param name="events">What to wait for from now on.</param>
    public void Modify(int token, System.Runtime.InteropServices.SafeHandle fd, EpollEvents events) =>
        _epoll.Modify(fd, events, (ulong)token);

    /// <summary>Stops watching a descriptor. Its handler, and no other, may be called once more for what has been seen already.</summary>
    /// <param name="token">What <see cref="Add"/> gave; it is void afterwards.</param>
    /// <param name="fd">The same descriptor, still open.</param>
    public void Remove(int token, System.Runtime.InteropServices.SafeHandle fd)
    {
        _epoll.Remove(fd);
        lock (_lock)
        {
            Volatile.Write(ref _handlers[token], null);
            _removed.Push(token);
        }
    }

    /// <summary>Starts the thread; once.</summary>
    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Has the thread stand still after the handler that runs now, until <see cref="Resume"/>.</summary>
    /// <param name="timeout">How long to wait for it.</param>
    /// <returns>Whether it stands still, or does not run at all.</returns>
    public bool Pause(TimeSpan timeout)
    {
        if (!_isStarted)
        {
            return true;
        }

        if (_gate.Close())
        {
            _request.Signal();
        }

        return _gate.WaitStill(timeout);
    }

    /// <summary>Lets a thread that stands still go on.</summary>
    public void Resume() => _gate.Open();

    /// <summary>Ends the thread after the handler that runs now.</summary>
    /// <param name="timeout">How long to wait for it.</param>
    /// <returns>Whether it has ended.</returns>
    public bool Stop(TimeSpan timeout)
    {
        Volatile.Write(ref _isStopping, true);
        _request.Signal();
        _gate.OpenForEver();
        return !_isStarted || _thread.Join(timeout);
    }

    /// <summary>Ends the thread, whatever it takes; the loop still knows what it watches, until it is disposed.</summary>
    public void End()
    {
        if (!Stop(DisposeTimeout))
        {
            // Its handlers use guest memory, which is about to be unmapped.
            Environment.FailFast($"the thread {Name} did not end within {DisposeTimeout.TotalSeconds} s");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        End();
        _epoll.Dispose();
        _request.Dispose();
    }

    private void FreeRemovedTokens()
    {
        lock (_lock)
        {
            while (_removed.TryPop(out int token))
            {
                _free.Push(token);
            }
        }
    }

    private void Run()
    {
        try
        {
            ThreadName.SetCurrent(Name);
            Span<EpollEvent> events = stackalloc EpollEvent[EventsPerTurn];
            while (!Volatile.Read(ref _isStopping))
            {
                FreeRemovedTokens();
                int count = _epoll.Wait(events, -1);
                for (int i = 0; i < count && !Volatile.Read(ref _isStopping); i++)
                {
                    ulong token = events[i].Data;
                    if (token != RequestData)
                    {
                        Volatile.Read(ref Volatile.Read(ref _handlers)[(int)token])?.OnReady(events[i].Events);
                    }
                    else
                    {
                        _ = _request.TryRead(out _);
                    }

                    if (!_gate.IsOpen)
                    {
                        _gate.Pass();
                    }
                }
            }
        }
#pragma warning disable CA1031 // Whatever it is, it must end the machine with its message, not the process without one.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Failed?.Invoke(failure);
        }
        finally
        {
            _gate.Leave();
        }
    }
}
