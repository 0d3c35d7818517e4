using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Tests.Values;

/// <summary>The options that give a guest virtio devices.</summary>
public sealed class DeviceValueTests
{
    [Fact]
    public void Disk_Path_MayStandAlone() => Assert.Equal(new DiskConfig("a b.img"), DiskValue.Parse("a b.img"));

    [Fact]
    public void Disk_Keys_AreRead() =>
        Assert.Equal(new DiskConfig("disk.img", IsReadOnly: true, QueueCount: 4), DiskValue.Parse("path=disk.img,readonly=on,queues=4"));

    [Theory]
    [InlineData("readonly=on", "the path is missing")]
    [InlineData("a.img,queues=0", "queues")]
    [InlineData("a.img,queues=17", "queues")]
    [InlineData("a.img,readonly=maybe", "readonly")]
    [InlineData("a.img,cache=none", "unknown key 'cache'")]
    public void Disk_ThatCannotBe_IsNamed(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => DiskValue.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Net_TapAndAddress_AreRead()
    {
        NetConfig card = NetValue.Parse("tap=tap0,mac=02:00:00:00:ab:CD");

        Assert.Equal(("tap0", null), (card.Tap, card.SocketPath));
        Assert.Equal([2, 0, 0, 0, 0xAB, 0xCD], card.Mac!.Value.ToArray());
        Assert.Equal("passt.sock", NetValue.Parse("socket=passt.sock").SocketPath);
        Assert.Null(NetValue.Parse("tap=tap0").Mac); // a random one
    }

    [Theory]
    [InlineData("mac=02:00:00:00:00:01", "either tap=NAME or socket=PATH")]
    [InlineData("tap=a,socket=b", "either tap=NAME or socket=PATH")]
    [InlineData("tap=a-name-that-is-too-long", "longer than an interface's name")]
    [InlineData("tap=a,mac=02:00:00:00:00", "not the address of one station")]
    [InlineData("tap=a,mac=03:00:00:00:00:01", "not the address of one station")]
    [InlineData("tap=a,mac=02:00:00:00:00:0x", "not the address of one station")]
    [InlineData("tap=a,mac=02:00:00:00:00:+1", "not the address of one station")]
    public void Net_ThatCannotBe_IsNamed(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => NetValue.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Vsock_IsRead() => Assert.Equal(new VsockConfig(3, "v.sock"), VsockValue.Parse("cid=3,socket=v.sock"));

    [Theory]
    [InlineData("cid=3", "socket is missing")]
    [InlineData("socket=v", "cid is missing")]
    [InlineData("cid=2,socket=v", "cid")]
    [InlineData("cid=4294967295,socket=v", "cid")]
    public void Vsock_ThatCannotBe_IsNamed(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => VsockValue.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Vsock_PathTooLongForASocket_IsNamed() =>
        Assert.Contains(
            "longer than 96 bytes",
            Assert.Throws<UsageException>(() => VsockValue.Parse("cid=3,socket=" + new string('x', 97))).Message,
            StringComparison.Ordinal);
}
