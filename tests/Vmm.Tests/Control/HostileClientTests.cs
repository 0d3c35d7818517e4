using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Control;

/// <summary>A thousand clients at once that do what none should, beside a good one and a guest that converts pages.</summary>
[Collection(AloneGroup.Name)]
public sealed class HostileClientTests : IDisposable
{
    private const int Clients = 1000;
    private const long MostMemoryOfAClient = 48 << 10;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly Dictionary<string, byte[]> Attacks = new()
    {
        ["arrays without end"] = Encoding.ASCII.GetBytes(new string('[', 100_000)),
        ["objects without end"] = [.. Enumerable.Repeat((byte)'{', 2000)],
        ["huge number"] = "{\"execute\":\"qmp_capabilities\",\"id\":1e999999999}"u8.ToArray(),
        ["half a message"] = "{\"execute\":\"qmp_capabilities\",\"id\":"u8.ToArray(),
        ["no UTF-8"] = [0x7B, 0x22, 0xFF, 0xFE, 0xC0, 0x80, 0x22, 0x7D, 0x0A],
        ["long name"] = Encoding.ASCII.GetBytes("{\"execute\":\"" + new string('x', 60_000) + "\"}"),
        ["garbage"] = "\0\0\0\0\u007f\r\n\r\n}}}}]]]]\"\"\"\""u8.ToArray(),
        ["commands"] = Pipeline("query-commands", 300),
        ["maps"] = Pipeline("x-kvmsev-query-map", 50),
        ["journals"] = Pipeline("x-kvmsev-query-journal", 50),
        ["metrics"] = Pipeline("x-kvmsev-metrics", 50),
        ["exits"] = Pipeline("x-kvmsev-query-exits", 300),
        ["nothing"] = [],
    };

    private readonly ControlFixture _control = new();
    private readonly FakeRunningMachine _machine = new();
    private readonly List<Socket> _bad = [];

    public HostileClientTests()
    {
        _control.Machine.ContinueAsync().Wait(Deadline);
        Assert.True(_control.Join());
        _control.Machine.Attach(_machine);
        for (int i = 0; i < 2 * SharedRegionTracker.JournalBatchLimit; i++)
        {
            _ = _machine.SharedRegions.Set(new GpaRange(new Gpa(0x1000), 0x1000), PageState.Shared, vcpu: 0);
        }
    }

    public void Dispose()
    {
        _bad.ForEach(static socket => socket.Dispose());
        _control.Dispose();
    }

    [Fact]
    public void ThousandOfThem_HoldUpNeitherTheGuestNorAGoodClient_AndTakeBoundedMemory()
    {
        using ControlClient good = _control.Connect();
        _ = good.Execute("query-status");
        long before = GC.GetTotalMemory(forceFullCollection: true);
        byte[][] attacks = [.. Attacks.Values];
        for (int i = 0; i < Clients; i++)
        {
            _bad.Add(Connect());
            Attack(_bad[i], attacks[i % attacks.Length], halfCloses: i % 7 == 0);
        }

        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(i % 2 == 0, good.Execute("query-status").GetProperty("running").GetBoolean());
            _ = _machine.SharedRegions.Set(new GpaRange(new Gpa(0x9000), 0x1000), PageState.Shared, vcpu: 0);
            good.Execute(i % 2 == 0 ? "stop" : "cont");
        }

        // A page's answer is held, not streamed: it comes although others hold both streams.
        JsonElement page = good.Execute("x-kvmsev-query-page", static json => json.WriteNumber("gpa"u8, 0x9000));
        Assert.Equal(
            50UL + (2 * SharedRegionTracker.JournalBatchLimit), page.GetProperty("since").GetProperty("generation").GetUInt64());
        long grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.InRange(grown, 0, Clients * MostMemoryOfAClient);

        // Its end waits for none of them.
        long start = Stopwatch.GetTimestamp();
        _control.Machine.End(StopReason.Quit);
        _control.EndServer();
        Assert.True(Stopwatch.GetElapsedTime(start) < Deadline / 4, "clients that do not read hold up the end");
    }

    [Theory]
    [InlineData("arrays without end")]
    [InlineData("objects without end")]
    [InlineData("no UTF-8")]
    [InlineData("long name")]
    [InlineData("garbage")]
    public void Attack_GetsQmpsOwnError(string attack) =>
        Assert.StartsWith(
            "JSON parse error",
            SendAndEnd(attack).GetProperty("error").GetProperty("desc").GetString(),
            StringComparison.Ordinal);

    [Fact]
    public void HalfAMessage_AndThenTheEnd_EndsTheSession() => Assert.Equal("closed", SendAndEnd("half a message").GetString());

    [Fact]
    public void NumberOfAnySize_IsAValidId() =>
        Assert.Equal("""{"return":{},"id":1e999999999}""", SendAndEnd("huge number").GetRawText());

    private JsonElement SendAndEnd(string attack)
    {
        using ControlFixture.RawClient client = _control.ConnectRaw();
        client.Send(Attacks[attack]);
        client.Send("\n");
        client.Socket.Shutdown(SocketShutdown.Send);
        return client.Receive();
    }

    private static byte[] Pipeline(string command, int count) => Encoding.ASCII.GetBytes(
        "{\"execute\":\"qmp_capabilities\"}" + string.Concat(Enumerable.Repeat($"{{\"execute\":\"{command}\"}}", count)));

    private static void Attack(Socket socket, byte[] bytes, bool halfCloses)
    {
        socket.Blocking = false;
        try
        {
            _ = socket.Send(bytes);
            if (halfCloses)
            {
                socket.Shutdown(SocketShutdown.Send);
            }
        }
        catch (SocketException error) when (error.SocketErrorCode
            is SocketError.WouldBlock or SocketError.ConnectionReset or SocketError.Shutdown)
        {
            // The server reads no more of a client that does not read its answers.
        }
    }

    private Socket Connect()
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(_control.SocketPath));
                return socket;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.WouldBlock
                && Stopwatch.GetElapsedTime(start) < Deadline)
            {
                // More clients wait to be accepted than the kernel queues.
                Thread.Sleep(1);
            }
        }
    }
}
