using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>What the images of kvm-unit-tests look for.</summary>
public sealed class TestImageDevicesTests
{
    private readonly IoBus _ports = new();

    [Theory]
    [InlineData(0x00, "51454D550000")]
    [InlineData(0x01, "010000000000")]
    [InlineData(0x03, "000000200000")]
    [InlineData(0x05, "400000000000")]
    [InlineData(0x0F, "400000000000")]
    [InlineData(0x19, "000000000000")]
    public void FwCfg_HandsOutAnItemByteByByte(ushort item, string expected)
    {
        _ports.Register(FwCfg.Port, FwCfg.WindowLength, new FwCfg(512 << 20, 64), "fw-cfg");
        for (int round = 0; round < 2; round++)
        {
            _ports.Access(FwCfg.Port, isWrite: true, BitConverter.GetBytes(item));
            byte[] bytes = new byte[6];
            for (int i = 0; i < bytes.Length; i++)
            {
                _ports.Access(FwCfg.Port + 1, isWrite: false, bytes.AsSpan(i, 1));
            }

            Assert.Equal(expected, Convert.ToHexString(bytes));
        }
    }

    [Fact]
    public void FwCfg_OtherAccesses_AreHarmless()
    {
        FwCfg device = new(512 << 20, 1);
        device.Write(0, [1]);
        device.Write(1, [1]);
        byte[] wide = [1, 2, 3, 4];
        device.Read(0, wide);
        Assert.Equal(new byte[4], wide);
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
