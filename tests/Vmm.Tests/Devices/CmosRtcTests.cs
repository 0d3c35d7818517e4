using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

public sealed class CmosRtcTests
{
    private const byte Binary = 0x04;
    private const byte Hours24 = 0x02;
    private const byte Set = 0x80;

    private static readonly DateTime Noon = new(2026, 3, 14, 12, 34, 56, DateTimeKind.Utc);

    [Theory]
    [InlineData(Hours24, new byte[] { 0x56, 0x34, 0x12, 0x07, 0x14, 0x03, 0x26, 0x20 })]
    [InlineData(Hours24 | Binary, new byte[] { 56, 34, 12, 7, 14, 3, 26, 20 })]
    [InlineData(0, new byte[] { 0x56, 0x34, 0x92, 0x07, 0x14, 0x03, 0x26, 0x20 })]
    [InlineData(Binary, new byte[] { 56, 34, 0x8C, 7, 14, 3, 26, 20 })]
    public void Time_IsShownInEachFormat(byte format, byte[] expected)
    {
        CmosRtc rtc = new(new FakeTime(Noon));
        Write(rtc, 0x0B, format);
        Assert.Equal(expected, ReadTime(rtc));
    }

    [Theory]
    [InlineData(0, 0x12)]
    [InlineData(1, 0x01)]
    [InlineData(11, 0x11)]
    [InlineData(12, 0x92)]
    [InlineData(13, 0x81)]
    [InlineData(23, 0x91)]
    public void TwelveHourClock_MidnightAndNoonAreTwelve(int hour, byte expected)
    {
        CmosRtc rtc = new(new FakeTime(Noon.Date.AddHours(hour)));
        Write(rtc, 0x0B, 0);
        Assert.Equal(expected, Read(rtc, 0x04));
    }

    [Theory]
    [InlineData("2026-12-31T23:59:59", new byte[] { 0x00, 0x00, 0x00, 0x06, 0x01, 0x01, 0x27, 0x20 })]
    [InlineData("2028-02-28T23:59:59", new byte[] { 0x00, 0x00, 0x00, 0x03, 0x29, 0x02, 0x28, 0x20 })]
    [InlineData("2027-02-28T23:59:59", new byte[] { 0x00, 0x00, 0x00, 0x02, 0x01, 0x03, 0x27, 0x20 })]
    [InlineData("2099-12-31T23:59:59", new byte[] { 0x00, 0x00, 0x00, 0x06, 0x01, 0x01, 0x00, 0x21 })]
    [InlineData("2100-02-28T23:59:59", new byte[] { 0x00, 0x00, 0x00, 0x02, 0x01, 0x03, 0x00, 0x21 })]
    [InlineData("1999-12-31T23:59:59", new byte[] { 0x00, 0x00, 0x00, 0x07, 0x01, 0x01, 0x00, 0x20 })]
    public void Clock_RollsOver(string before, byte[] expected)
    {
        DateTime start = DateTime.Parse(before, System.Globalization.CultureInfo.InvariantCulture);
        FakeTime time = new(DateTime.SpecifyKind(start, DateTimeKind.Utc));
        CmosRtc rtc = new(time);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(expected, ReadTime(rtc));
    }

    [Fact]
    public void SettingTheTime_AsLinuxDoes_KeepsAnOffset()
    {
        // mc146818_set_time(): stop with SET, reset the divider, write, let go in the same order.
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Write(rtc, 0x0B, Set | Hours24);
        Write(rtc, 0x0A, 0x70);
        byte[] values = [0x58, 0x59, 0x23, 0x05, 0x31, 0x12, 0x99, 0x19];
        WriteTime(rtc, values);
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(values, ReadTime(rtc)); // stands still
        Write(rtc, 0x0B, Hours24);
        Assert.Equal(values, ReadTime(rtc)); // the divider still holds it
        Write(rtc, 0x0A, 0x26);

        time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.Equal(0x58, Read(rtc, 0x00)); // the first second after a divider reset takes half a second
        time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal(0x59, Read(rtc, 0x00));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([0x00, 0x00, 0x00, 0x06, 0x01, 0x01, 0x00, 0x20], ReadTime(rtc));
    }

    [Fact]
    public void SettingWithSetOnly_KeepsThePhaseOfTheSecond()
    {
        FakeTime time = new(Noon.AddMilliseconds(900));
        CmosRtc rtc = new(time);
        Write(rtc, 0x0B, Set | Hours24);
        Write(rtc, 0x00, 0x10);
        Write(rtc, 0x0B, Hours24);
        time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(0x10, Read(rtc, 0x00));
        time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal(0x11, Read(rtc, 0x00));
    }

    [Fact]
    public void WritingARunningClock_TakesEffectRegisterByRegister()
    {
        CmosRtc rtc = new(new FakeTime(new DateTime(2026, 1, 31, 12, 0, 0, DateTimeKind.Utc)));
        Write(rtc, 0x08, 0x02); // 31 February: held
        Assert.Equal(0x31, Read(rtc, 0x07));
        Assert.Equal(0x02, Read(rtc, 0x08));
        Write(rtc, 0x07, 0x28);
        Assert.Equal([0x00, 0x00, 0x12, 0x07, 0x28, 0x02, 0x26, 0x20], ReadTime(rtc));
    }

    [Theory]
    [InlineData(0x00, 0x60)]
    [InlineData(0x00, 0x5A)]
    [InlineData(0x02, 0x99)]
    [InlineData(0x04, 0x24)]
    [InlineData(0x07, 0x00)]
    [InlineData(0x07, 0x32)]
    [InlineData(0x08, 0x13)]
    [InlineData(0x08, 0x00)]
    [InlineData(0x09, 0xFF)]
    [InlineData(0x32, 0xAA)]
    public void NonsenseInOneRegister_HoldsTheClock_UntilItIsMended(byte register, byte value)
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        byte before = Read(rtc, register);
        Write(rtc, register, value);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(value, Read(rtc, register));
        Assert.Equal(0, Read(rtc, 0x0A) & 0x80);

        Write(rtc, register, before);
        if (register != 0x00)
        {
            Assert.Equal(0x56, Read(rtc, 0x00));
        }

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0x57, Read(rtc, 0x00));
    }

    [Fact]
    public void DayOfWeek_IsWhatTheGuestSaysAndCountsOn()
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Write(rtc, 0x06, 0x02);
        Assert.Equal(0x02, Read(rtc, 0x06));
        time.Advance(TimeSpan.FromDays(6));
        Assert.Equal(0x01, Read(rtc, 0x06));
    }

    [Fact]
    public void Uip_AnnouncesTheNextSecond_AndOnlyThat()
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Assert.Equal(0x26, Read(rtc, 0x0A));
        time.Advance(TimeSpan.FromMicroseconds(999_755));
        Assert.Equal(0x26, Read(rtc, 0x0A));
        time.Advance(TimeSpan.FromMicroseconds(1));
        Assert.Equal(0xA6, Read(rtc, 0x0A));
        Assert.Equal(0x56, Read(rtc, 0x00));
        time.Advance(TimeSpan.FromMicroseconds(244));
        Assert.Equal(0x26, Read(rtc, 0x0A));
        Assert.Equal(0x57, Read(rtc, 0x00));
    }

    [Fact]
    public void LinuxGetTime_Ends_WhereverInTheSecondItStarts()
    {
        // mc146818_avoid_UIP(): seconds, UIP, seconds again; at most 10 tries with 1 ms between them.
        for (int microseconds = 0; microseconds < 1_000_000; microseconds += 7)
        {
            FakeTime time = new(Noon.AddMicroseconds(microseconds));
            CmosRtc rtc = new(time);
            int tries = 0;
            while (true)
            {
                Assert.True(++tries <= 3, $"no stable time at {microseconds} us");
                byte second = Read(rtc, 0x00);
                if ((Read(rtc, 0x0A) & 0x80) == 0 && second == Read(rtc, 0x00))
                {
                    break;
                }

                time.Advance(TimeSpan.FromMilliseconds(1));
            }
        }
    }

    [Fact]
    public void RegisterD_SaysTheBatteryIsGood_AndIsReadOnly()
    {
        CmosRtc rtc = new(new FakeTime(Noon));
        Write(rtc, 0x0D, 0x00);
        Assert.Equal(0x80, Read(rtc, 0x0D));
    }

    [Fact]
    public void RegisterC_CollectsFlags_AndReadingClearsThem()
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Write(rtc, 0x0A, 0x20); // no periodic rate
        Write(rtc, 0x01, 0x58);
        Write(rtc, 0x03, 0x34);
        Write(rtc, 0x05, 0x12);
        Read(rtc, 0x0C);
        Assert.Equal(0x00, Read(rtc, 0x0C));

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0x10, Read(rtc, 0x0C)); // update ended
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0x30, Read(rtc, 0x0C)); // and the alarm
        Assert.Equal(0x00, Read(rtc, 0x0C));
        Write(rtc, 0x0B, Hours24 | 0x10);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0x90, Read(rtc, 0x0C)); // the enabled one counts as an interrupt
    }

    [Theory]
    [InlineData(0xFF, 0xFF, 0xFF, 1)] // every second
    [InlineData(0x05, 0xFF, 0xFF, 9)]
    [InlineData(0x00, 0x00, 0xFF, 25 * 60 + 4)]
    [InlineData(0x56, 0x34, 0x12, 24 * 60 * 60)]
    [InlineData(0x55, 0x34, 0x12, 24 * 60 * 60 - 1)]
    public void Alarm_ComesAtItsSecond_NotBefore(byte second, byte minute, byte hour, int dueSeconds)
    {
        foreach (bool inOneStep in (bool[])[true, false])
        {
            FakeTime time = new(Noon);
            CmosRtc rtc = new(time);
            Write(rtc, 0x01, second);
            Write(rtc, 0x03, minute);
            Write(rtc, 0x05, hour);
            if (!inOneStep)
            {
                time.Advance(TimeSpan.FromSeconds(dueSeconds - 1));
                Assert.Equal(0, Read(rtc, 0x0C) & 0x20);
            }

            time.Advance(TimeSpan.FromSeconds(inOneStep ? dueSeconds : 1));
            Assert.Equal(0x20, Read(rtc, 0x0C) & 0x20);
        }
    }

    [Fact]
    public void Alarm_ThatCannotMatch_NeverComes()
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Write(rtc, 0x05, 0x30); // hour 30
        time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(0x00, Read(rtc, 0x0C) & 0x20);
    }

    [Theory]
    [InlineData(0x26, 9_766)] // 1024 Hz, in units of 100 ns
    [InlineData(0x21, 39_063)] // 256 Hz, as for rate 8
    [InlineData(0x23, 1_221)] // 8192 Hz
    [InlineData(0x2F, 5_000_000)] // 2 Hz
    public void PeriodicFlag_FollowsTheRate(byte registerA, int dueTicks)
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Write(rtc, 0x0A, registerA);
        Read(rtc, 0x0C);
        time.Advance(TimeSpan.FromTicks(dueTicks - 1));
        Assert.Equal(0, Read(rtc, 0x0C) & 0x40);
        time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(0x40, Read(rtc, 0x0C) & 0x40);
    }

    [Fact]
    public void Set_TakesBackTheUpdateInterrupt()
    {
        CmosRtc rtc = new(new FakeTime(Noon));
        Write(rtc, 0x0B, Set | Hours24 | 0x10);
        Assert.Equal(Set | Hours24, Read(rtc, 0x0B));
    }

    [Fact]
    public void IndexPort_IsWriteOnly_AndBit7IsNotPartOfIt()
    {
        CmosRtc rtc = new(new FakeTime(Noon));
        rtc.Out(0, 0x80 | 0x32);
        Assert.Equal(0x20, rtc.In(1));
        Assert.Equal(0xFF, rtc.In(0));
    }

    [Fact]
    public void WordWrite_IsIndexAndValue()
    {
        CmosRtc rtc = new(new FakeTime(Noon));
        rtc.Write(0, [0x50, 0xAB]);
        Assert.Equal(0xAB, Read(rtc, 0x50));
    }

    [Theory]
    [InlineData(512UL << 20, 0UL, 640, 0xFFFF, 0x1F00, 0)]
    [InlineData(3UL << 30, 5UL << 30, 640, 0xFFFF, 0xBF00, 0x14000)]
    [InlineData(8UL << 20, 0UL, 640, 7 * 1024, 0, 0)]
    [InlineData(512UL << 10, 0UL, 512, 0, 0, 0)]
    public void MemorySize_IsInTheCmos(ulong low, ulong high, int baseKiB, int extendedKiB, int above16MiB, int above4GiB)
    {
        CmosRtc rtc = new(new FakeTime(Noon), low, high);
        Assert.Equal(baseKiB, Read(rtc, 0x15) | (Read(rtc, 0x16) << 8));
        Assert.Equal(extendedKiB, Read(rtc, 0x17) | (Read(rtc, 0x18) << 8));
        Assert.Equal(extendedKiB, Read(rtc, 0x30) | (Read(rtc, 0x31) << 8));
        Assert.Equal(above16MiB, Read(rtc, 0x34) | (Read(rtc, 0x35) << 8));
        Assert.Equal(above4GiB, Read(rtc, 0x5B) | (Read(rtc, 0x5C) << 8) | (Read(rtc, 0x5D) << 16));
        int sum = Enumerable.Range(0x10, 0x1E).Sum(i => Read(rtc, (byte)i));
        Assert.Equal(sum, (Read(rtc, 0x2E) << 8) | Read(rtc, 0x2F));
    }

    [Fact]
    public void EveryDate_WrittenAndReadBack_InEveryFormat()
    {
        for (DateTime day = new(1999, 12, 25, 0, 0, 0, DateTimeKind.Utc); day.Year < 2005; day = day.AddHours(31))
        {
            foreach (byte format in (byte[])[0, Binary, Hours24, Hours24 | Binary])
            {
                CmosRtc source = new(new FakeTime(day));
                Write(source, 0x0B, format);
                byte[] registers = ReadTime(source);
                CmosRtc target = new(new FakeTime(Noon));
                Write(target, 0x0B, (byte)(Set | format));
                WriteTime(target, registers);
                Write(target, 0x0B, format);
                Write(target, 0x0B, Hours24 | Binary);
                byte[] expected =
                [
                    (byte)day.Second, (byte)day.Minute, (byte)day.Hour, (byte)(day.DayOfWeek + 1),
                    (byte)day.Day, (byte)day.Month, (byte)(day.Year % 100), (byte)(day.Year / 100),
                ];
                Assert.Equal(expected, ReadTime(target));
            }
        }
    }

    [Fact]
    public void TheLastMomentOfTheCalendar_IsNotPassed()
    {
        FakeTime time = new(Noon);
        CmosRtc rtc = new(time);
        Write(rtc, 0x0B, Set | Hours24);
        WriteTime(rtc, [0x59, 0x59, 0x23, 0x06, 0x31, 0x12, 0x99, 0x99]);
        Write(rtc, 0x0B, Hours24);
        time.Advance(TimeSpan.FromDays(3));
        Assert.Equal(0x99, Read(rtc, 0x32));
        Read(rtc, 0x0C);
        Read(rtc, 0x0A);
    }

    private static byte[] ReadTime(CmosRtc rtc) => [.. TimeRegisters.Select(r => Read(rtc, r))];

    private static void WriteTime(CmosRtc rtc, byte[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            Write(rtc, TimeRegisters[i], values[i]);
        }
    }

    private static readonly byte[] TimeRegisters = [0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32];

    private static byte Read(CmosRtc rtc, byte register)
    {
        rtc.Out(0, register);
        return rtc.In(1);
    }

    private static void Write(CmosRtc rtc, byte register, byte value)
    {
        rtc.Out(0, register);
        rtc.Out(1, value);
    }
}
