namespace KvmSevVmm.Vmm.Devices;

/// <summary>The PC's clock and CMOS RAM: an MC146818 behind an index and a data port.</summary>
/// <remarks>
/// <para>Source: Motorola MC146818A; the CMOS layout of PC BIOSes. The clock shows the host's UTC plus an offset that the guest sets by
/// writing the time. It runs without a timer of its own: flags are worked out when register C is read, and it raises no interrupt (no IRQ
/// 8), so ACPI tables must not promise one.</para>
/// <para>Registers are held while B.SET is 1, while the divider is in reset, and while they hold no date that exists, as between two
/// writes of a change from 31 January to 28 February. UIP announces the next second 244 µs ahead.</para>
/// </remarks>
public sealed class CmosRtc : ByteDevice
{
    /// <summary>Port of the index; the data port follows it.</summary>
    public const ushort Port = 0x70;

    /// <summary>Ports it occupies.</summary>
    public const int WindowLength = 2;

    private const int SecondsAlarm = 0x01;
    private const int MinutesAlarm = 0x03;
    private const int HoursAlarm = 0x05;
    private const int RegisterA = 0x0A;
    private const int RegisterB = 0x0B;
    private const int RegisterC = 0x0C;
    private const int RegisterD = 0x0D;
    private const byte UpdateInProgress = 0x80;
    private const byte DividerReset = 0x60;
    private const byte Set = 0x80;
    private const byte Binary = 0x04;
    private const byte Hours24 = 0x02;
    private const byte InterruptPending = 0x80;
    private const byte InterruptFlags = 0x70;
    private const byte PeriodicFlag = 0x40;
    private const byte AlarmFlag = 0x20;
    private const byte UpdateFlag = 0x10;
    private const byte AnyAlarm = 0xC0;
    private const long UpdateAheadTicks = 244 * TimeSpan.TicksPerMicrosecond;
    private const ulong KiB = 1UL << 10;
    private const ulong MiB = 1UL << 20;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly byte[] _cmos = new byte[128];
    private byte _index;
    private long _offsetTicks;
    private int _dayOfWeekShift;
    private bool _isHeld;
    private bool _isHeldByDivider;
    private long _lastFlagTicks;
    private byte _flags;

    /// <summary>Makes the clock, showing the host's UTC in BCD and 24 hours, and the RAM size in the CMOS.</summary>
    /// <param name="time">The host's clock.</param>
    /// <param name="lowMemoryBytes">RAM below 4 GiB, in bytes.</param>
    /// <param name="highMemoryBytes">RAM from 4 GiB on, in bytes.</param>
    public CmosRtc(TimeProvider time, ulong lowMemoryBytes = 0, ulong highMemoryBytes = 0)
    {
        _time = time;
        _cmos[RegisterA] = 0x26; // 32 kHz crystal, 1024 Hz periodic rate
        _cmos[RegisterB] = Hours24;
        _cmos[0x14] = 0x02; // equipment: a floating point unit, no display, no floppy
        Store(0x15, 2, Math.Min(lowMemoryBytes, 640 * KiB) / KiB);
        ulong extendedKiB = Math.Min(Subtract(lowMemoryBytes, MiB) / KiB, ushort.MaxValue);
        Store(0x17, 2, extendedKiB);
        Store(0x30, 2, extendedKiB);
        Store(0x34, 2, Math.Min(Subtract(lowMemoryBytes, 16 * MiB) / (64 * KiB), ushort.MaxValue));
        Store(0x5B, 3, Math.Min(highMemoryBytes / (64 * KiB), 0xFFFFFF));
        int sum = 0;
        for (int i = 0x10; i < 0x2E; i++)
        {
            sum += _cmos[i];
        }

        _cmos[0x2E] = (byte)(sum >> 8);
        _cmos[0x2F] = (byte)sum;
        _lastFlagTicks = Now.Ticks;
    }

    private DateTime Now
    {
        get
        {
            long ticks = _time.GetUtcNow().UtcTicks + _offsetTicks;
            return new DateTime(Math.Clamp(ticks, DateTime.MinValue.Ticks, DateTime.MaxValue.Ticks), DateTimeKind.Utc);
        }
    }

    private RtcTime Format => new((_cmos[RegisterB] & Binary) != 0, (_cmos[RegisterB] & Hours24) != 0);

    /// <inheritdoc/>
    protected override byte ReadByte(ulong offset)
    {
        if ((offset & 1) == 0)
        {
            return 0xFF; // the index is write-only
        }

        lock (_lock)
        {
            switch (_index)
            {
                case RtcTime.Seconds or RtcTime.Minutes or RtcTime.Hours or RtcTime.Century:
                case >= RtcTime.DayOfWeek and <= RtcTime.Year:
                    ShowTime();
                    return _cmos[_index];
                case RegisterA:
                    return (byte)(_cmos[RegisterA] | (IsUpdateNear() ? UpdateInProgress : 0));
                case RegisterC:
                    return TakeFlags();
                case RegisterD:
                    return 0x80; // VRT: the battery is good
                default:
                    return _cmos[_index];
            }
        }
    }

    /// <inheritdoc/>
    protected override void WriteByte(ulong offset, byte value)
    {
        lock (_lock)
        {
            if ((offset & 1) == 0)
            {
                _index = (byte)(value & 0x7F); // bit 7 masks NMIs, of which there are none
                return;
            }

            switch (_index)
            {
                case RtcTime.Seconds or RtcTime.Minutes or RtcTime.Hours or RtcTime.Century:
                case >= RtcTime.DayOfWeek and <= RtcTime.Year:
                    ShowTime();
                    _cmos[_index] = value;
                    Hold();
                    Resume();
                    break;
                case SecondsAlarm or MinutesAlarm or HoursAlarm:
                    CollectFlags();
                    _cmos[_index] = value;
                    break;
                case RegisterA:
                    WriteControl(RegisterA, (byte)(value & ~UpdateInProgress));
                    break;
                case RegisterB:
                    // Stopping the clock also takes back the request for update interrupts.
                    WriteControl(RegisterB, (byte)((value & Set) != 0 ? value & ~UpdateFlag : value));
                    break;
                case RegisterC or RegisterD:
                    break; // read-only
                default:
                    _cmos[_index] = value;
                    break;
            }
        }
    }

    private static ulong Subtract(ulong value, ulong amount) => value > amount ? value - amount : 0;

    private void Store(int index, int size, ulong value)
    {
        for (int i = 0; i < size; i++)
        {
            _cmos[index + i] = (byte)(value >> (8 * i));
        }
    }

    private void WriteControl(int register, byte value)
    {
        ShowTime();
        CollectFlags();
        _cmos[register] = value;
        if ((_cmos[RegisterB] & Set) != 0 || IsDividerInReset)
        {
            Hold();
            _isHeldByDivider |= IsDividerInReset;
        }
        else
        {
            Resume();
        }
    }

    private bool IsDividerInReset => (_cmos[RegisterA] & DividerReset) == DividerReset;

    private void Hold() => _isHeld = true;

    /// <summary>Lets the clock go on from what the registers hold, if nothing holds it.</summary>
    private void Resume()
    {
        if (!_isHeld || (_cmos[RegisterB] & Set) != 0 || IsDividerInReset || !Format.TryDecode(_cmos, out DateTime time))
        {
            return;
        }

        // The divider starts in the middle of a second; SET and plain writes leave its phase alone.
        long hostTicks = _time.GetUtcNow().UtcTicks;
        long phase = _isHeldByDivider ? TimeSpan.TicksPerSecond / 2 : Modulo(hostTicks + _offsetTicks, TimeSpan.TicksPerSecond);
        _offsetTicks = time.Ticks + phase - hostTicks;
        _dayOfWeekShift = Format.TryDecode(_cmos[RtcTime.DayOfWeek], out int day) && day is >= 1 and <= 7
            ? (int)Modulo(day - 1 - (int)time.DayOfWeek, 7)
            : 0;
        _isHeld = false;
        _isHeldByDivider = false;
        _lastFlagTicks = Now.Ticks;
    }

    private void ShowTime()
    {
        if (_isHeld)
        {
            return;
        }

        DateTime now = Now;
        Format.Encode(now, _cmos);
        _cmos[RtcTime.DayOfWeek] = (byte)((((int)now.DayOfWeek + _dayOfWeekShift) % 7) + 1);
    }

    private bool IsUpdateNear() =>
        !_isHeld && Modulo(Now.Ticks, TimeSpan.TicksPerSecond) >= TimeSpan.TicksPerSecond - UpdateAheadTicks;

    private byte TakeFlags()
    {
        CollectFlags();
        byte flags = _flags;
        _flags = 0;
        return (flags & _cmos[RegisterB] & InterruptFlags) != 0 ? (byte)(flags | InterruptPending) : flags;
    }

    /// <summary>Sets the flags of everything that has happened since it was last called.</summary>
    private void CollectFlags()
    {
        if (_isHeld)
        {
            return;
        }

        long last = _lastFlagTicks;
        long now = Now.Ticks;
        _lastFlagTicks = now;
        long lastSecond = last / TimeSpan.TicksPerSecond;
        long nowSecond = now / TimeSpan.TicksPerSecond;
        if (nowSecond > lastSecond)
        {
            _flags |= UpdateFlag;
            if (HasAlarmBetween(lastSecond, nowSecond))
            {
                _flags |= AlarmFlag;
            }
        }

        int rate = _cmos[RegisterA] & 0x0F;
        if (rate != 0 && CountPeriods(now, rate) > CountPeriods(last, rate))
        {
            _flags |= PeriodicFlag;
        }
    }

    /// <summary>Whether the alarm registers match a second in (<paramref name="last"/>, <paramref name="now"/>], both counted from year
    /// 1.</summary>
    private bool HasAlarmBetween(long last, long now)
    {
        const long Day = 24 * 60 * 60;
        if (!TryGetAlarm(SecondsAlarm, out int second)
            || !TryGetAlarm(MinutesAlarm, out int minute)
            || !TryGetAlarm(HoursAlarm, out int hour))
        {
            return false;
        }

        // Whatever the alarm is, it comes once a day; steps of whole hours and minutes keep this below 150 rounds.
        long end = Math.Min(now, last + Day);
        long time = last + 1;
        while (time <= end)
        {
            long ofDay = time % Day;
            if (hour >= 0 && ofDay / 3600 != hour)
            {
                time += 3600 - (ofDay % 3600);
            }
            else if (minute >= 0 && ofDay / 60 % 60 != minute)
            {
                time += 60 - (ofDay % 60);
            }
            else if (second >= 0 && ofDay % 60 != second)
            {
                time++;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads an alarm register: a number, or -1 for "any".</summary>
    /// <returns>False if it can never match.</returns>
    private bool TryGetAlarm(int register, out int number)
    {
        byte value = _cmos[register];
        if ((value & AnyAlarm) == AnyAlarm)
        {
            number = -1;
            return true;
        }

        return register == HoursAlarm ? Format.TryDecodeHour(value, out number) : Format.TryDecode(value, out number) && number <= 59;
    }

    /// <summary>Periods of the given rate that had ended by a moment. Rate 3 is 8192 Hz, each further one half of that; 1 and 2 are like 8
    /// and 9.</summary>
    private static long CountPeriods(long ticks, int rate)
    {
        long perSecond = 32768L >> ((rate < 3 ? rate + 7 : rate) - 1);
        (long seconds, long rest) = Math.DivRem(ticks, TimeSpan.TicksPerSecond);
        return (seconds * perSecond) + (rest * perSecond / TimeSpan.TicksPerSecond);
    }

    private static long Modulo(long value, long divisor) => ((value % divisor) + divisor) % divisor;
}
