using KvmSevVmm.Vmm.Devices;
using KvmSevVmm.Vmm.Devices.Firmware;
using KvmSevVmm.Vmm.Memory;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>What the images of kvm-unit-tests look for.</summary>
public sealed class TestImageDevicesTests
{
    private readonly IoBus _ports = new();

    [Theory]
    [InlineData(0x00, "51454D550000")]
    [InlineData(0x01, "030000000000")]
    [InlineData(0x03, "000000200000")]
    [InlineData(0x05, "400000000000")]
    [InlineData(0x0F, "400000000000")]
    [InlineData(0x19, "000000000000")]
    public void FwCfg_HandsOutAnItemByteByByte(ushort item, string expected)
    {
        using FwCfgItems items = FwCfgItems.CreateForTestImage(64, 512 << 20);
        using GuestMemory memory = GuestMemory.Create(GuestLayout.Create(GuestLayout.MinimumMemoryBytes, 48));
        var device = new FwCfgDevice(items, memory, static _ => true, new BoundedLog(Logger.None));
        _ports.Register(FwCfgDevice.Port, FwCfgDevice.WindowLength, device, "fw-cfg");
        for (int round = 0; round < 2; round++)
        {
            _ports.Access(FwCfgDevice.Port, isWrite: true, BitConverter.GetBytes(item));
            byte[] bytes = new byte[6];
            for (int i = 0; i < bytes.Length; i++)
            {
                _ports.Access(FwCfgDevice.Port + 1, isWrite: false, bytes.AsSpan(i, 1));
            }

            Assert.Equal(expected, Convert.ToHexString(bytes));
        }
    }

    [Fact]
    public void TestDevice_Register_RemembersAtEveryWidth()
    {
        TestDevice device = new(static _ => new RecordingLine());
        _ports.Register(TestDevice.RegisterPort, TestDevice.RegisterLength, device.Register, "register");
        _ports.Access(0xE0, isWrite: true, [0x78, 0x56, 0x34, 0x12]);
        _ports.Access(0xE2, isWrite: true, [0xAA]);
        byte[] word = new byte[2];
        _ports.Access(0xE1, isWrite: false, word);
        Assert.Equal<byte>([0x56, 0xAA], word);
        byte[] dword = new byte[4];
        _ports.Access(0xE0, isWrite: false, dword);
        Assert.Equal<byte>([0x78, 0x56, 0xAA, 0x12], dword);
    }

    [Fact]
    public void TestDevice_Lines_AreRaisedAndLoweredOneByOne()
    {
        List<RecordingLine> lines = [];
        TestDevice device = new(_ =>
        {
            lines.Add(new RecordingLine());
            return lines[^1];
        });
        _ports.Register(TestDevice.InterruptPort, TestDevice.InterruptCount, device.InterruptLines, "lines");

        _ports.Access(0x200E, isWrite: true, [1]);
        Assert.True(lines[14].Level);
        _ports.Access(0x200E, isWrite: true, [0]);

        Assert.False(lines[14].Level);
        Assert.Equal(1, lines.Sum(static line => line.RisingEdges));
    }

    [Fact]
    public void TestDevice_Memory_RemembersToItsLastByte()
    {
        IoBus mmio = new();
        mmio.Register(TestDevice.MemoryAddress, TestDevice.MemoryLength, new TestDevice(static _ => new RecordingLine()).Memory, "memory");
        mmio.Access(0xFF00_FFF8, isWrite: true, [1, 2, 3, 4, 5, 6, 7, 8]);
        byte[] read = new byte[4];
        mmio.Access(0xFF00_FFFC, isWrite: false, read);
        Assert.Equal<byte>([5, 6, 7, 8], read);
    }
}
