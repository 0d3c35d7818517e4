using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Vmm.Control;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Control;

/// <summary>The client against a server that says what the test wants, in pieces of any size.</summary>
public sealed class ControlClientTests : IDisposable
{
    private const string Greeting = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";
    private const string Negotiated = "{\"return\": {}}\r\n";
    private const string Stop = "{\"timestamp\":{\"seconds\":1,\"microseconds\":2},\"event\":\"STOP\"}\r\n";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-client-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public ControlClientTests()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen();
    }

    private string SocketPath => Path.Combine(_folder, "s");

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1 << 16)]
    public async Task Answer_InPieces_IsWhole(int pieceLength)
    {
        string text = new('x', 100);
        Task serving = Serve(
            pieceLength,
            Stop + $"{{\"return\":{{\"a\":[1,\"{text}}}\"]}}}}\r\n",
            Stop + Stop + "{\"return\": []}\n",
            "{\"id\":null,\"return\":5}\r\n");
        using ControlClient client = ControlClient.Connect(SocketPath, Deadline);

        Assert.Equal(text + "}", client.Execute("one").GetProperty("a")[1].GetString());
        Assert.Equal(JsonValueKind.Array, client.Execute("two").ValueKind);
        Assert.Throws<IOException>(() => client.Execute("three"));
        await serving;
    }

    [Fact]
    public async Task LongAnswer_IsReadAsItIsSent()
    {
        string value = $"[{string.Join(',', Enumerable.Range(0, 1_000_000))}]";
        Task serving = Serve(1 << 16, $"{{\"return\":{value}}}\r\n", "{\"return\":{}}\r\n", $"{{\"return\":{value}}}\r\n");
        using ControlClient client = ControlClient.Connect(SocketPath, Deadline);

        using (StreamReader reader = new(client.ExecuteLong("long")))
        {
            Assert.Equal(value, await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal("{}", client.Execute("short").GetRawText());
        Assert.EndsWith("too long", Assert.Throws<IOException>(() => client.Execute("long")).Message, StringComparison.Ordinal);
        client.Dispose();
        await serving;
    }

    [Fact]
    public async Task Event_IsReadUntilTheConnectionCloses()
    {
        Task serving = Serve(3, Stop + Negotiated + Stop + Stop);
        using ControlClient client = ControlClient.Connect(SocketPath, Deadline);

        _ = client.Execute("one");

        Assert.Equal("STOP", client.ReadEvent()?.GetProperty("event").GetString());
        Assert.Equal("STOP", client.ReadEvent()?.GetProperty("event").GetString());
        Assert.Null(client.ReadEvent());
        await serving;
    }

    [Theory]
    [InlineData("", "the machine closed the connection")]
    [InlineData("{\"return\":{\"a\":", "the machine closed the connection")]
    [InlineData("{\"return\":{}", "the machine closed the connection")]
    [InlineData("{\"return\":5 \n", "the machine's answer does not end as QMP's do")]
    [InlineData("{\"return\":{]}\r\n", "the machine's answer is no JSON")]
    [InlineData("{\"what\":5}\r\n", "the machine's answer is none of QMP's")]
    [InlineData("[1,2,3,4,5,6,7,8]\r\n", "the machine's message is no JSON object")]
    [InlineData("nonsense, as long as it takes\r\n", "the machine's message is no JSON")]
    public async Task Answer_ThatIsNone_IsAnIoError(string answer, string problem)
    {
        Task serving = Serve(1 << 16, answer);
        using ControlClient client = ControlClient.Connect(SocketPath, Deadline);

        Assert.Equal($"{SocketPath}: {problem}", Assert.Throws<IOException>(() => client.Execute("one")).Message);
        await serving;
    }

    [Fact]
    public async Task Message_WithoutEnd_IsBounded()
    {
        Task serving = Serve(1 << 16, new string(' ', 2 << 20));
        using ControlClient client = ControlClient.Connect(SocketPath, Deadline);

        Assert.EndsWith("too long", Assert.Throws<IOException>(() => client.Execute("one")).Message, StringComparison.Ordinal);
        client.Dispose();
        await serving;
    }

    // Greets, negotiates, and gives each command its answer; then closes the connection.
    private Task Serve(int pieceLength, params string[] answers) => Task.Run(async () =>
    {
        using Socket client = await _listener.AcceptAsync();
        using StreamReader requests = new(new NetworkStream(client));
        try
        {
            await Send(Greeting);
            foreach (string answer in answers.Prepend(Negotiated))
            {
                Assert.NotNull(await requests.ReadLineAsync());
                await Send(answer);
            }
        }
        catch (SocketException)
        {
            // The client has seen enough.
        }

        async Task Send(string text)
        {
            for (ReadOnlyMemory<byte> rest = Encoding.UTF8.GetBytes(text); !rest.IsEmpty; rest = rest[Math.Min(pieceLength, rest.Length)..])
            {
                _ = await client.SendAsync(rest[..Math.Min(pieceLength, rest.Length)]);
            }
        }
    });
}
