using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>The virtio devices as Debian's own drivers see them, in a simulated SEV guest.</summary>
public sealed class DevicesTests
{
    private readonly DevicesRun _guest;

    public DevicesTests(DevicesFixture fixture)
    {
        _guest = fixture.Run;
    }

    [Fact]
    public void Guest_UsesItsDevicesAndPowersOff() => AssertPoweredOff(_guest);

    [Fact]
    public void Disk_Holds64MiBThatTheGuestWroteAndReadBack() => AssertDisk(_guest, DevicesFixture.MiB);

    [Fact]
    public void Tcp_Carries64MiBEachWayUnchanged() => AssertTcp(_guest, DevicesFixture.MiB);

    [Fact]
    public void Vsock_Echoes16MiB() => AssertVsock(_guest);

    [Fact]
    public void Hwrng_IsFedByTheHost() => Assert.Equal("virtio_rng.0 gave 4096 bytes", _guest.Said("rng"));

    [Fact]
    public void Hvc0_CarriesRandomBytesUnchanged() => AssertConsole(_guest);

    [Fact]
    public void Guard_SawEveryRingAndBufferShared_AndTheKernelSawNoError() => AssertNoError(_guest);

    /// <summary>Interrupts, notifications and conversions from several processors at once.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void SeveralProcessors_UseEveryDevice_WithoutAnError(int vcpuCount)
    {
        const int MiB = 4;
        using var guest = new DevicesRun(vcpuCount, MiB);

        AssertPoweredOff(guest);
        Assert.Equal($"{vcpuCount}", guest.Said("cpus"));
        AssertDisk(guest, MiB);
        AssertTcp(guest, MiB);
        AssertVsock(guest);
        AssertConsole(guest);
        AssertNoError(guest);
    }

    private static void AssertPoweredOff(DevicesRun guest)
    {
        Assert.Contains("kvmsev-guest: devices done", guest.Console, StringComparison.Ordinal);
        Assert.Equal("power-off", guest.Result.GetProperty("stop").GetProperty("reason").GetString());
        Assert.Equal(0, guest.Result.GetProperty("stop").GetProperty("exitCode").GetInt32());
        Assert.True(guest.Result.GetProperty("simulated").GetBoolean());
    }

    private static void AssertDisk(DevicesRun guest, int mib)
    {
        string written = guest.Said("disk pattern");

        Assert.Equal(64, written.Length);
        Assert.Equal(written, guest.Said("disk read back"));
        Assert.Equal(written, guest.HostSaid("disk.img"));
        AssertCarried(guest, "disk0", mib);
    }

    private static void AssertTcp(DevicesRun guest, int mib)
    {
        Assert.Equal(64, guest.Said("net pattern").Length);
        Assert.Equal(guest.Said("net pattern"), guest.HostSaid("from-guest"));
        Assert.Equal(guest.HostSaid("to-guest"), guest.Said("net received"));
        AssertCarried(guest, "net0", mib);
    }

    private static void AssertCarried(DevicesRun guest, string device, int mib)
    {
        Assert.True(guest.Device(device).GetProperty("bytesFromGuest").GetInt64() >= mib << 20);
        Assert.True(guest.Device(device).GetProperty("bytesToGuest").GetInt64() >= mib << 20);
    }

    private static void AssertVsock(DevicesRun guest)
    {
        Assert.Equal("16777216 bytes", guest.Said("vsock echoed"));
        Assert.Equal("16777216 bytes, all the same", guest.HostSaid("vsock echoed"));
    }

    private static void AssertConsole(DevicesRun guest)
    {
        Assert.Equal(64, guest.Said("hvc pattern").Length);
        Assert.Equal(guest.Said("hvc pattern"), guest.HostSaid("hvc0"));
        Assert.Equal(1 << 20, guest.Device("console").GetProperty("bytesFromGuest").GetInt64());
    }

    private static void AssertNoError(DevicesRun guest)
    {
        Assert.Equal("0", guest.Said("errors:"));
        foreach (JsonElement device in guest.Result.GetProperty("devices").EnumerateArray())
        {
            Assert.True(device.GetProperty("requests").GetInt64() > 0, device.ToString());
            Assert.Equal(0, device.GetProperty("guardViolations").GetInt64());
            Assert.Equal(0, device.GetProperty("protocolErrors").GetInt64());
            Assert.Equal(0, device.GetProperty("hostErrors").GetInt64());
            Assert.Equal(0, device.GetProperty("refusedAccesses").GetInt64());
        }
    }
}
