namespace KvmSevVmm.Sev.Psp;

/// <summary>A platform that lives in this process alone.</summary>
/// <param name="state">Its first state.</param>
internal sealed class PspMemoryStore(PspState state) : PspStore
{
    private readonly Lock _lock = new();
    private readonly SortedSet<uint> _handles = [];
    private PspState _state = state;

    internal override IDisposable Enter()
    {
        _lock.Enter();
        return new Release(_lock.Exit);
    }

    internal override PspState Load() => _state;

    internal override void Save(PspState state) => _state = state;

    internal override IDisposable? TryTakeHandle(uint maximum, out uint handle)
    {
        for (handle = 1; handle <= maximum; handle++)
        {
            uint taken = handle;
            if (_handles.Add(taken))
            {
                return new Release(() => Free(taken));
            }
        }

        return null;
    }

    internal override uint CountHandles() => (uint)_handles.Count;

    public override void Dispose()
    {
        // Nothing outside this process.
    }

    private void Free(uint handle)
    {
        lock (_lock)
        {
            _handles.Remove(handle);
        }
    }

    private sealed class Release(Action action) : IDisposable
    {
        private Action? _action = action;

        public void Dispose() => Interlocked.Exchange(ref _action, null)?.Invoke();
    }
}
