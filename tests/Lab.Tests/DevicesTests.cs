using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>The virtio devices as Debian's own drivers see them, in a simulated SEV guest.</summary>
public sealed class DevicesTests
{
    private readonly DevicesFixture _guest;

    public DevicesTests(DevicesFixture guest)
    {
        _guest = guest;
    }

    [Fact]
    public void Guest_UsesItsDevicesAndPowersOff()
    {
        Assert.Contains("kvmsev-guest: devices done", _guest.Console, StringComparison.Ordinal);
        Assert.Equal("power-off", _guest.Result.GetProperty("stop").GetProperty("reason").GetString());
        Assert.Equal(0, _guest.Result.GetProperty("stop").GetProperty("exitCode").GetInt32());
        Assert.True(_guest.Result.GetProperty("simulated").GetBoolean());
    }

    [Fact]
    public void Disk_Holds64MiBThatTheGuestWroteAndReadBack()
    {
        string written = _guest.Said("disk pattern");

        Assert.Equal(64, written.Length);
        Assert.Equal(written, _guest.Said("disk read back"));
        Assert.Equal(written, _guest.HostSaid("disk.img"));
        Assert.True(_guest.Device("disk0").GetProperty("bytesFromGuest").GetInt64() >= 64 << 20);
        Assert.True(_guest.Device("disk0").GetProperty("bytesToGuest").GetInt64() >= 64 << 20);
    }

    [Fact]
    public void Tcp_CarriesBytesBothWaysUnchanged()
    {
        Assert.Equal(_guest.Said("net pattern"), _guest.HostSaid("from-guest"));
        Assert.Equal(_guest.HostSaid("to-guest"), _guest.Said("net received"));
        Assert.True(_guest.Device("net0").GetProperty("bytesFromGuest").GetInt64() >= 16 << 20);
        Assert.True(_guest.Device("net0").GetProperty("bytesToGuest").GetInt64() >= 16 << 20);
    }

    [Fact]
    public void Vsock_Echoes16MiB()
    {
        Assert.Equal("16777216 bytes", _guest.Said("vsock echoed"));
        Assert.Equal("16777216 bytes, all the same", _guest.HostSaid("vsock echoed"));
    }

    [Fact]
    public void Hwrng_IsFedByTheHost() => Assert.Equal("virtio_rng.0 gave 4096 bytes", _guest.Said("rng"));

    [Fact]
    public void Guard_SawEveryRingAndBufferShared_AndTheKernelSawNoError()
    {
        Assert.Equal("0", _guest.Said("errors:"));
        foreach (JsonElement device in _guest.Result.GetProperty("devices").EnumerateArray())
        {
            Assert.True(device.GetProperty("requests").GetInt64() > 0, device.ToString());
            Assert.Equal(0, device.GetProperty("guardViolations").GetInt64());
            Assert.Equal(0, device.GetProperty("protocolErrors").GetInt64());
            Assert.Equal(0, device.GetProperty("hostErrors").GetInt64());
            Assert.Equal(0, device.GetProperty("refusedAccesses").GetInt64());
        }
    }
}
