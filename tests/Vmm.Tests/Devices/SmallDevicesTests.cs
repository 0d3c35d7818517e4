using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

public sealed class SmallDevicesTests
{
    private readonly RecordingMachine _machine = new();
    private readonly IoBus _ports = new();

    [Theory]
    [InlineData(new byte[] { 0x2A }, 0x2A)]
    [InlineData(new byte[] { 0x34, 0x12 }, 0x1234)]
    [InlineData(new byte[] { 0x78, 0x56, 0x34, 0x12 }, 0x12345678)]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF }, -1)]
    public void DebugExit_HandsOverTheGuestsNumber(byte[] written, int code)
    {
        _ports.Register(0xF4, DebugExit.WindowLength, new DebugExit(_machine), "debug-exit");
        _ports.Access(0xF4, isWrite: true, written);

        Assert.Equal(StopReason.DebugExit, _machine.Reason);
        Assert.Equal(code, _machine.GuestCode);
        Assert.Equal(1, _machine.Requests);
    }

    [Fact]
    public void DebugExit_ReadingIsHarmless()
    {
        byte[] data = [1, 2, 3, 4];
        new DebugExit(_machine).Read(0, data);
        Assert.Equal(new byte[4], data);
        Assert.Equal(0, _machine.Requests);
    }

    [Theory]
    [InlineData(0x34, true)] // SLP_EN, type 5
    [InlineData(0x14, false)] // type 5 without SLP_EN
    [InlineData(0x20, false)] // SLP_EN, type 0
    [InlineData(0x3C, false)] // SLP_EN, type 7
    public void SleepControl_SwitchesOffForSoftOffAlone(byte value, bool isOff)
    {
        _ports.Register(SleepControl.ControlPort, SleepControl.WindowLength, new SleepControl(_machine), "sleep-control");
        _ports.Access(SleepControl.StatusPort, isWrite: true, [value]);
        Assert.Equal(0, _machine.Requests);

        _ports.Access(SleepControl.ControlPort, isWrite: true, [value]);

        Assert.Equal(isOff ? StopReason.PowerOff : StopReason.None, _machine.Reason);
        byte[] read = [1, 1];
        _ports.Access(SleepControl.ControlPort, isWrite: false, read);
        Assert.Equal<byte>([0, 0], read);
    }

    [Theory]
    [InlineData(0x01, StopReason.GuestPanic)]
    [InlineData(0x02, StopReason.None)] // a crash kernel takes over
    [InlineData(0x00, StopReason.None)]
    public void PanicPort_TakesAPanicAndSaysSo(byte value, StopReason expected)
    {
        _ports.Register(PanicPort.Port, 1, new PanicPort(_machine), "pvpanic");
        byte[] events = new byte[1];
        _ports.Access(PanicPort.Port, isWrite: false, events);
        Assert.Equal(0x01, events[0]);

        _ports.Access(PanicPort.Port, isWrite: true, [value]);

        Assert.Equal(expected, _machine.Reason);
    }

    [Theory]
    [InlineData(0x06)]
    [InlineData(0x0E)]
    [InlineData(0x04)]
    public void ResetPort_Bit2Resets(byte value)
    {
        RegisterReset();
        _ports.Access(0xCF9, isWrite: true, [value]);
        Assert.Equal(StopReason.Reset, _machine.Reason);
    }

    [Fact]
    public void ResetPort_LinuxSequence_ResetsAtItsSecondWrite()
    {
        // native_machine_emergency_restart(), BOOT_CF9_FORCE.
        RegisterReset();
        byte[] cf9 = new byte[1];
        _ports.Access(0xCF9, isWrite: false, cf9);
        cf9[0] = (byte)((cf9[0] & ~0x0E) | 0x02);
        _ports.Access(0xCF9, isWrite: true, cf9);
        Assert.Equal(0, _machine.Requests);
        _ports.Access(0xCF9, isWrite: false, cf9);
        Assert.Equal(0x02, cf9[0]);
        _ports.Access(0xCF9, isWrite: true, [0x0E]);
        Assert.Equal(1, _machine.Requests);
    }

    [Fact]
    public void ResetPort_PciConfigurationAddresses_NeverReset()
    {
        // A dword at 0xCF8 has device and function in the byte that lies at 0xCF9.
        RegisterReset();
        byte[] data = new byte[4];
        for (uint function = 0; function < 256; function++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(data, 0x80000000 | (function << 8));
            _ports.Access(0xCF8, isWrite: true, data);
            _ports.Access(0xCF8, isWrite: true, data.AsSpan(0, 2));
        }

        Assert.Equal(0, _machine.Requests);
    }

    [Fact]
    public void PciProbe_OfLinux_FindsNothing()
    {
        // pci_check_type1() and pci_check_type2(); arch/x86/pci/direct.c.
        RegisterReset();
        byte[] data = new byte[4];
        _ports.Access(0xCFB, isWrite: true, [0x01]);
        _ports.Access(0xCF8, isWrite: true, [0x00, 0x00, 0x00, 0x80]);
        _ports.Access(0xCF8, isWrite: false, data);
        Assert.NotEqual([0x00, 0x00, 0x00, 0x80], data);
        _ports.Access(0xCFC, isWrite: false, data);
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFF], data);

        _ports.Access(0xCFB, isWrite: true, [0x00]);
        _ports.Access(0xCF8, isWrite: true, [0x00]);
        _ports.Access(0xCFA, isWrite: true, [0x00]);
        byte[] one = new byte[1];
        _ports.Access(0xCF8, isWrite: false, one);
        Assert.NotEqual(0, one[0]);
        Assert.Equal(0, _ports.UnclaimedAccesses);
    }

    [Fact]
    public void PostCode_RemembersTheLastCode()
    {
        PostCode post = new();
        _ports.Register(PostCode.Port, 1, post, "post-code");
        _ports.Access(0x80, isWrite: true, [0x12]);
        _ports.Access(0x80, isWrite: true, [0x34]);
        byte[] data = new byte[1];
        _ports.Access(0x80, isWrite: false, data);

        Assert.Equal(0x34, post.LastCode);
        Assert.Equal(0x34, data[0]);
    }

    private void RegisterReset() => _ports.Register(ResetPort.Port, ResetPort.WindowLength, new ResetPort(_machine), "reset");
}
