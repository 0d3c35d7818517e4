using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Serilog.Core;

namespace KvmSevVmm.Vmm.Tests.Control;

/// <summary>
/// A control socket, and behind it a launch over the model of the firmware that waits for its owner on a thread of its own.
/// </summary>
internal sealed class ControlFixture : IDisposable
{
    internal static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly GuestMemory _memory = GuestMemory.Create(GuestLayout.Create(64 << 20, 40, SevMode.Simulated, 39));
    private readonly SoftwarePsp _psp = SoftwarePsp.Create();
    private readonly SoftwareSevGuest _guest;
    private readonly SevLaunch _launch;
    private readonly ControlServer _server;
    private readonly Thread _thread;
    private bool _isServerEnded;

    internal ControlFixture(TimeSpan? patience = null, bool startsLaunch = true)
    {
        Machine = new ControlledMachine(Stop) { Mode = SevMode.Simulated, WaitsForOwner = true, Patience = patience };
        SocketPath = Path.Combine(Folder, "s");
        _server = ControlServer.Start(SocketPath, Machine, Logger.None);
        Session = LaunchSession.Create(_psp.ExportChain().Pdh, new SevPolicy(1), SystemRandomSource.Instance);
        _guest = _psp.CreateGuest();
        _guest.Initialize(SevGuestKind.Sev);
        _launch = new SevLaunch(
            _guest,
            new SevLaunchInput(
                SevGuestKind.Sev,
                new LaunchStartRequest(new SevPolicy(1), Session.Godh.Bytes.ToArray(), Session.Session.Bytes.ToArray())),
            Logger.None)
        {
            IsSimulated = true,
            Firmware = _psp.GetStatus().Firmware,
        };
        Measured = _launch.Measure(
            _memory,
            new LaunchContent([new LoadedPiece("kernel", new GpaRange(new Gpa(0x20_0000), 0x1000))], [], SecretPage));
        _thread = new Thread(() =>
        {
            try
            {
                Machine.Approve(Measured);
            }
            catch (LaunchStoppedException stopped)
            {
                Stopped = stopped;
            }
        });
        if (startsLaunch)
        {
            StartLaunch();
        }
    }

    internal static GpaRange SecretPage => new(new Gpa(0x30_0000), 0x1000);

    internal string Folder { get; } = Directory.CreateTempSubdirectory("kvmsev-control-").FullName;

    internal string SocketPath { get; }

    internal StopSignal Stop { get; } = new();

    internal ControlledMachine Machine { get; }

    internal LaunchSession Session { get; }

    internal MeasuredLaunch Measured { get; }

    internal LaunchStoppedException? Stopped { get; private set; }

    internal byte[] SecretBytes(int length) => _memory.GetReadOnlySpan(SecretPage.Start, length).ToArray();

    internal void StartLaunch()
    {
        _thread.Start();
        SpinWait.SpinUntil(() => Machine.IsWaiting, Deadline);
    }

    /// <summary>The platform that the launch is on, as the machine's owner is told of it.</summary>
    internal GuestPlatform Platform => new(_psp, cBitPosition: 39, reducedPhysicalBits: 1);

    /// <summary>Ends the server as a monitor does when its machine has ended.</summary>
    internal void EndServer()
    {
        if (!_isServerEnded)
        {
            _isServerEnded = true;
            _server.Dispose();
        }
    }

    /// <summary>True when the launch has stopped waiting.</summary>
    internal bool Join() => _thread.Join(Deadline);

    internal ControlClient Connect() => ControlClient.Connect(SocketPath, Deadline);

    /// <summary>A client that says what the test wants; the greeting is read.</summary>
    internal RawClient ConnectRaw() => new(SocketPath);

    /// <summary>The same, and it has negotiated.</summary>
    internal RawClient ConnectNegotiated()
    {
        RawClient client = ConnectRaw();
        client.Ask("""{"execute":"qmp_capabilities"}""");
        return client;
    }

    public void Dispose()
    {
        Stop.RequestStop(StopReason.Interrupted);
        if (_thread.IsAlive)
        {
            _thread.Join(Deadline);
        }

        EndServer();
        Machine.Dispose();
        _launch.Dispose();
        _guest.Dispose();
        _psp.Dispose();
        _memory.Dispose();
        Session.Dispose();
        Stop.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>A client of bytes.</summary>
    internal sealed class RawClient : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = (int)Deadline.TotalMilliseconds,
        };

        private readonly StreamReader _reader;

        internal RawClient(string path)
        {
            _socket.Connect(new UnixDomainSocketEndPoint(path));
            _reader = new StreamReader(new NetworkStream(_socket), Encoding.UTF8);
            Greeting = Receive();
        }

        internal JsonElement Greeting { get; }

        internal Socket Socket => _socket;

        internal void Send(string text) => Send(Encoding.UTF8.GetBytes(text));

        internal void Send(byte[] bytes) => _socket.Send(bytes);

        internal JsonElement Receive() => JsonDocument.Parse(_reader.ReadLine() ?? "\"closed\"").RootElement.Clone();

        /// <summary>The next message that is no event.</summary>
        internal JsonElement ReceiveAnswer()
        {
            JsonElement message;
            do
            {
                message = Receive();
            }
            while (message.ValueKind == JsonValueKind.Object && message.TryGetProperty("event", out _));

            return message;
        }

        internal JsonElement Ask(string text)
        {
            Send(text);
            return Receive();
        }

        public void Dispose()
        {
            _reader.Dispose();
            _socket.Dispose();
        }
    }
}
