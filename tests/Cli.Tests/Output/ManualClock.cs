namespace KvmSevVmm.Cli.Tests.Output;

/// <summary>A clock that goes when it is told to, and fires its timers then.</summary>
internal sealed class ManualClock : TimeProvider
{
    private readonly List<ManualTimer> _timers = [];
    private TimeSpan _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ManualTimer timer = new(this, () => callback(state), _now + dueTime, period);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Lets time pass.</summary>
    internal void Advance(TimeSpan time)
    {
        _now += time;
        foreach (ManualTimer timer in _timers.ToArray())
        {
            timer.Fire(_now);
        }
    }

    private sealed class ManualTimer(ManualClock clock, Action callback, TimeSpan due, TimeSpan period) : ITimer
    {
        private TimeSpan _due = due;

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod) => throw new NotSupportedException();

        public void Dispose() => clock._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Fire(TimeSpan now)
        {
            for (; _due <= now; _due += period)
            {
                callback();
            }
        }
    }
}
