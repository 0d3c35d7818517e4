namespace KvmSevVmm.Vmm.Devices;

/// <summary>How an MC146818 writes a date: BCD or binary, 24 or 12 hours, two digits of year and a century beside them.</summary>
/// <param name="isBinary">Register B bit 2: binary, not BCD.</param>
/// <param name="is24Hour">Register B bit 1: hours 0–23, not 1–12 with bit 7 for PM.</param>
internal readonly struct RtcTime(bool isBinary, bool is24Hour)
{
    /// <summary>Register of the seconds.</summary>
    public const int Seconds = 0x00;

    /// <summary>Register of the minutes.</summary>
    public const int Minutes = 0x02;

    /// <summary>Register of the hours.</summary>
    public const int Hours = 0x04;

    /// <summary>Register of the day of the week, Sunday is 1.</summary>
    public const int DayOfWeek = 0x06;

    /// <summary>Register of the day of the month.</summary>
    public const int Day = 0x07;

    /// <summary>Register of the month.</summary>
    public const int Month = 0x08;

    /// <summary>Register of the year within the century.</summary>
    public const int Year = 0x09;

    /// <summary>Register of the century, as ACPI's FADT names it on PCs.</summary>
    public const int Century = 0x32;

    private const byte Afternoon = 0x80;

    /// <summary>Writes a time into the registers; the day of the week too.</summary>
    /// <param name="time">The time.</param>
    /// <param name="registers">The CMOS, 128 bytes.</param>
    public void Encode(DateTime time, Span<byte> registers)
    {
        registers[Seconds] = Encode(time.Second);
        registers[Minutes] = Encode(time.Minute);
        registers[Hours] = EncodeHour(time.Hour);
        registers[DayOfWeek] = Encode((int)time.DayOfWeek + 1);
        registers[Day] = Encode(time.Day);
        registers[Month] = Encode(time.Month);
        registers[Year] = Encode(time.Year % 100);
        registers[Century] = Encode(time.Year / 100);
    }

    /// <summary>Reads a time from the registers, whole seconds.</summary>
    /// <param name="registers">The CMOS, 128 bytes.</param>
    /// <param name="time">The time.</param>
    /// <returns>False if they hold no date that exists.</returns>
    public bool TryDecode(ReadOnlySpan<byte> registers, out DateTime time)
    {
        time = default;
        if (!TryDecode(registers[Seconds], out int second) || second > 59
            || !TryDecode(registers[Minutes], out int minute) || minute > 59
            || !TryDecodeHour(registers[Hours], out int hour)
            || !TryDecode(registers[Month], out int month) || month is < 1 or > 12
            || !TryDecode(registers[Century], out int century)
            || !TryDecode(registers[Year], out int year) || year > 99)
        {
            return false;
        }

        year += century * 100;
        if (year is < 1 or > 9999 || !TryDecode(registers[Day], out int day) || day < 1 || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        time = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc);
        return true;
    }

    /// <summary>Reads a field that is not an hour.</summary>
    /// <param name="value">The register.</param>
    /// <param name="number">The number.</param>
    /// <returns>False if it is no BCD number.</returns>
    public bool TryDecode(byte value, out int number)
    {
        number = isBinary ? value : ((value >> 4) * 10) + (value & 0x0F);
        return isBinary || ((value & 0x0F) <= 9 && value <= 0x99);
    }

    /// <summary>Reads the hour.</summary>
    /// <param name="value">The register.</param>
    /// <param name="hour">0 to 23.</param>
    /// <returns>False if it is no hour.</returns>
    public bool TryDecodeHour(byte value, out int hour)
    {
        if (is24Hour)
        {
            return TryDecode(value, out hour) && hour <= 23;
        }

        if (!TryDecode((byte)(value & ~Afternoon), out hour) || hour is < 1 or > 12)
        {
            return false;
        }

        hour = (hour % 12) + ((value & Afternoon) != 0 ? 12 : 0);
        return true;
    }

    private byte Encode(int number) => (byte)(isBinary ? number : ((number / 10) << 4) | (number % 10));

    private byte EncodeHour(int hour)
    {
        if (is24Hour)
        {
            return Encode(hour);
        }

        byte value = Encode(hour % 12 == 0 ? 12 : hour % 12);
        return (byte)(hour >= 12 ? value | Afternoon : value);
    }
}
