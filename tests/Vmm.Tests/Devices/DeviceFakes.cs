using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>An interrupt line that remembers its level and counts what happened to it; a repeated level fails the test.</summary>
internal sealed class RecordingLine : IInterruptLine
{
    public bool Level { get; private set; }

    public int RisingEdges { get; private set; }

    public int Changes { get; private set; }

    public int RepeatedLevels { get; private set; }

    public void Set(bool isAsserted)
    {
        Changes++;
        RepeatedLevels += Level == isAsserted ? 1 : 0;
        RisingEdges += isAsserted ? 1 : 0;
        Level = isAsserted;
    }
}

/// <summary>A machine that only remembers what it was asked.</summary>
internal sealed class RecordingMachine : IMachineControl
{
    public StopReason Reason { get; private set; }

    public int GuestCode { get; private set; }

    public int Requests { get; private set; }

    public void RequestStop(StopReason reason, int guestCode = 0)
    {
        Requests++;
        Reason = reason;
        GuestCode = guestCode;
    }
}

/// <summary>A serial output with a limit that the test moves.</summary>
internal sealed class LimitedOutput(int room = int.MaxValue) : ISerialOutput
{
    private readonly byte[] _taken = new byte[4096];
    private int _room = room;

    public Action? OutputReady { get; set; }

    public int Count { get; private set; }

    public string Text => System.Text.Encoding.Latin1.GetString(_taken, 0, Count);

    public bool TryWrite(byte value)
    {
        if (_room == 0)
        {
            return false;
        }

        _room--;
        if (Count < _taken.Length)
        {
            _taken[Count++] = value;
        }

        return true;
    }

    public void MakeRoom(int bytes)
    {
        MakeRoomSilently(bytes);
        OutputReady!();
    }

    public void MakeRoomSilently(int bytes) => _room += bytes;
}

/// <summary>A clock that stands until the test moves it.</summary>
internal sealed class FakeTime(DateTime start) : TimeProvider
{
    private DateTime _now = start;

    public override DateTimeOffset GetUtcNow() => new(_now, TimeSpan.Zero);

    public void Advance(TimeSpan time) => _now += time;
}

/// <summary>Byte, word and dword port instructions, as a driver uses them.</summary>
internal static class PortAccess
{
    public static byte In(this IBusDevice device, ulong offset)
    {
        Span<byte> data = stackalloc byte[1];
        device.Read(offset, data);
        return data[0];
    }

    public static void Out(this IBusDevice device, ulong offset, byte value) => device.Write(offset, [value]);
}
