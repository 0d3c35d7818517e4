using System.Buffers.Binary;
using System.Text;
using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Firmware;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Firmware;

public sealed class FirmwareDevicesTests
{
    private readonly RecordingMachine _machine = new();

    [Theory]
    [InlineData(0, 0, 0x12378086u)]
    [InlineData(1, 0, 0x70008086u)]
    [InlineData(1, 3, 0x71138086u)]
    [InlineData(2, 0, uint.MaxValue)]
    [InlineData(0, 1, uint.MaxValue)]
    public void Pci_Functions_AreThoseThatFirmwareLooksFor(int device, int function, uint id)
    {
        PciConfigPort pci = new(new ResetPort(_machine));

        Assert.Equal(id, ReadConfig(pci, device, function, 0));
    }

    [Fact]
    public void Pci_OtherBusOrNotEnabled_ReadsOnes()
    {
        PciConfigPort pci = new(new ResetPort(_machine));

        Assert.Equal(uint.MaxValue, ReadConfig(pci, 0, 0, 0, bus: 1));
        Write(pci, 0, 0u);
        Assert.Equal(uint.MaxValue, Read(pci, 4));
    }

    [Fact]
    public void Pci_BaseAddressRegisters_AreNone()
    {
        PciConfigPort pci = new(new ResetPort(_machine));

        WriteConfig(pci, 0, 0, 0x10, uint.MaxValue);

        Assert.Equal(0u, ReadConfig(pci, 0, 0, 0x10));
    }

    [Fact]
    public void Pci_PowerManagementBase_TakesOvmfsAddressAndStaysAnIoBase()
    {
        PciConfigPort pci = new(new ResetPort(_machine));
        Assert.Equal(1u, ReadConfig(pci, 1, 3, 0x40));

        WriteConfig(pci, 1, 3, 0x40, PowerManagementBlock.Port);

        Assert.Equal(PowerManagementBlock.Port | 1u, ReadConfig(pci, 1, 3, 0x40));
    }

    [Fact]
    public void Pci_AddressOfADevice_DoesNotResetTheMachine_TheResetRegisterDoes()
    {
        PciConfigPort pci = new(new ResetPort(_machine));

        Write(pci, 0, 0x8000_FFFCu);
        Assert.Equal(0, _machine.Requests);

        pci.Write(1, [0x06]);
        Assert.Equal(StopReason.Reset, _machine.Reason);
    }

    [Fact]
    public void Pci_AnyAccess_OfAnySize_IsAnswered()
    {
        PciConfigPort pci = new(new ResetPort(_machine));

        RandomAccesses.Make(pci, ResetPort.WindowLength);

        Assert.Equal(0x12378086u, ReadConfig(pci, 0, 0, 0));
    }

    [Fact]
    public void PowerManagement_Timer_CountsAtItsFrequencyIn24Bits()
    {
        ManualTime time = new();
        PowerManagementBlock block = new(time, _machine);

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3_579_545u, Read(block, 8));

        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(35_795_450u & 0xFF_FFFF, Read(block, 8));
    }

    [Theory]
    [InlineData(0x2000, true)]
    [InlineData(0x1C00, false)]
    public void PowerManagement_SleepEnable_SwitchesOff(int value, bool isOff)
    {
        PowerManagementBlock block = new(TimeProvider.System, _machine);

        block.Write(4, BitConverter.GetBytes((ushort)value));

        Assert.Equal(isOff ? StopReason.PowerOff : StopReason.None, _machine.Reason);
    }

    [Fact]
    public void DebugConsole_SaysThatItIsThere_AndWritesLinesAtOnce()
    {
        using MemoryStream output = new();
        using (DebugConsole console = new(output))
        {
            byte[] present = [0];
            console.Read(0, present);
            Assert.Equal(0xE9, present[0]);

            Say(console, "SecCoreStart\nrest");
            Assert.Equal("SecCoreStart\n", Encoding.ASCII.GetString(output.ToArray()));
        }

        Assert.Equal("SecCoreStart\nrest", Encoding.ASCII.GetString(output.ToArray()));
    }

    [Fact]
    public void DebugConsole_FloodWithoutALineEnd_TakesNoMemory()
    {
        using MemoryStream output = new();
        using DebugConsole console = new(output);

        Say(console, new string('x', 10_000));

        Assert.Equal(8192, output.Length);
    }

    [Fact]
    public void DebugConsole_FullDisk_DoesNotStopTheGuest()
    {
        using DebugConsole console = new(new FullDisk());

        Say(console, "one\ntwo\n" + new string('x', 10_000));
    }

    private static void Say(DebugConsole console, string text)
    {
        foreach (byte value in Encoding.ASCII.GetBytes(text))
        {
            console.Write(0, [value]);
        }
    }

    private static uint Read(IBusDevice device, ulong offset)
    {
        byte[] value = new byte[4];
        device.Read(offset, value);
        return BinaryPrimitives.ReadUInt32LittleEndian(value);
    }

    private static void Write(PciConfigPort device, ulong offset, uint value) => device.Write(offset, BitConverter.GetBytes(value));

    private static uint ReadConfig(PciConfigPort pci, int device, int function, int register, int bus = 0)
    {
        Write(pci, 0, 0x8000_0000u | ((uint)bus << 16) | ((uint)device << 11) | ((uint)function << 8) | (uint)register);
        return Read(pci, 4);
    }

    private static void WriteConfig(PciConfigPort pci, int device, int function, int register, uint value)
    {
        Write(pci, 0, 0x8000_0000u | ((uint)device << 11) | ((uint)function << 8) | (uint)register);
        Write(pci, 4, value);
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks = 12345;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;
    }

    private sealed class FullDisk : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("No space left on device");
    }
}
