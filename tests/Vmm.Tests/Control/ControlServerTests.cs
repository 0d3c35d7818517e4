using System.Net.Sockets;
using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Sev;
using Mono.Unix.Native;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Control;

public sealed class ControlServerTests : IDisposable
{
    private static readonly byte[] Secret = [.. Enumerable.Range(0, 64).Select(static i => (byte)(i + 1))];

    private readonly ControlFixture _control = new();

    public void Dispose() => _control.Dispose();

    [Fact]
    public void Owner_SeesTheMeasurementAndInjectsASecret_ThenTheGuestMayRun()
    {
        using ControlClient client = _control.Connect();
        byte[] measured = client.Execute("query-sev-launch-measure").GetProperty("data").GetBytesFromBase64();
        JsonElement sev = client.Execute("query-sev");
        TransportPacket packet = LaunchSecret.Package(
            _control.Session.Keys, LaunchMeasurement.Parse(measured, "test"), Secret, SystemRandomSource.Instance);

        Inject(client, packet, target: null);

        Assert.Equal(_control.Measured.Result.Measurement.Bytes.ToArray(), measured);
        Assert.Equal("launch-secret", sev.GetProperty("state").GetString());
        Assert.True(sev.GetProperty("x-kvmsev-simulated").GetBoolean());
        Assert.Equal(1, sev.GetProperty("policy").GetInt32());
        Assert.Equal(Secret, _control.SecretBytes(64));
        Assert.True(_control.Machine.IsWaiting);
        Assert.Equal("prelaunch", client.Execute("query-status").GetProperty("status").GetString());
        client.Execute("cont");
        Assert.True(_control.Join());
        Assert.Null(_control.Stopped);
        _control.Machine.Attach(new FakeRunningMachine());
        Assert.True(client.Execute("query-status").GetProperty("running").GetBoolean());
        Assert.Equal("running", client.Execute("query-sev").GetProperty("state").GetString());
    }

    [Fact]
    public void WrongPacket_IsRefusedAndTheMachineStillWaits()
    {
        using ControlClient client = _control.Connect();
        TransportPacket packet = LaunchSecret.Package(
            _control.Session.Keys, _control.Measured.Result.Measurement, Secret, SystemRandomSource.Instance);
        TransportPacket changed = TransportPacket.Parse(packet.Header, [.. packet.Data[..^1], (byte)(packet.Data[^1] ^ 0x80)], "test");

        QmpException refused = Assert.Throws<QmpException>(() => Inject(client, changed, target: null));

        Assert.Contains("BAD_MEASUREMENT", refused.Message, StringComparison.Ordinal);
        Assert.True(_control.Machine.IsWaiting);
        Inject(client, packet, target: null);
        QmpException second = Assert.Throws<QmpException>(() => Inject(client, packet, target: null));
        Assert.Equal("launch secret: gpa: at 0x300000 there is a secret already", second.Message);
        Inject(client, packet, target: 0x31_0000);
        client.Execute("cont");
        Assert.True(_control.Join());
        Assert.Contains(
            "LSECRET", Assert.Throws<QmpException>(() => Inject(client, packet, 0x32_0000)).Message, StringComparison.Ordinal);
        client.Execute("cont");
    }

    [Fact]
    public void Quit_IsAnsweredAndEndsTheLaunch()
    {
        using ControlClient client = _control.Connect();

        client.Execute("quit");

        Assert.True(_control.Join());
        Assert.Equal(StopReason.Quit, _control.Stopped?.Reason);
    }

    [Fact]
    public void BeforeTheMeasurement_NothingIsPretended()
    {
        using ControlFixture early = new(startsLaunch: false);
        using ControlClient client = early.Connect();

        Assert.Throws<QmpException>(() => client.Execute("query-sev-launch-measure"));
        Assert.Equal("uninit", client.Execute("query-sev").GetProperty("state").GetString());
        Assert.Equal("SEV: the launch is not measured yet", Assert.Throws<QmpException>(() => client.Execute("cont")).Message);
    }

    [Fact]
    public void SnpGuest_HasNoMeasurementAndTakesNoSecret_ButTellsItsDigest()
    {
        using ControlledMachine machine = new(_control.Stop) { Mode = SevMode.Simulated, IsSnp = true };
        string path = Path.Combine(_control.Folder, "snp");
        using ControlServer server = ControlServer.Start(path, machine, Logger.None);
        using ControlClient client = ControlClient.Connect(path, ControlFixture.Deadline);
        JsonElement before = client.Execute("query-sev");
        byte[] digest = [.. Enumerable.Range(0, 48).Select(static i => (byte)i)];

        machine.Learn(new SnpLaunchResult(SnpPolicy.Default, digest, true, [], default), new SevFirmwareVersion(1, 55, 25));
        JsonElement after = client.Execute("query-sev");

        Assert.Equal("uninit sev-snp", $"{before.GetProperty("state")} {before.GetProperty("sev-type")}");
        Assert.False(before.TryGetProperty("x-kvmsev-launch-digest", out _));
        Assert.Equal(
            "running sev-snp 196608 1 55 25 True",
            $"{after.GetProperty("state")} {after.GetProperty("sev-type")} {after.GetProperty("snp-policy")} "
                + $"{after.GetProperty("api-major")} {after.GetProperty("api-minor")} {after.GetProperty("build-id")} "
                + $"{after.GetProperty("x-kvmsev-simulated")}");
        Assert.Equal(Convert.ToHexStringLower(digest), after.GetProperty("x-kvmsev-launch-digest").GetString());
        Assert.False(after.TryGetProperty("policy", out _) || after.TryGetProperty("handle", out _));
        string measurement = Assert.Throws<QmpException>(() => client.Execute("query-sev-launch-measure")).Message;
        Assert.StartsWith("SEV launch measurement is not available: ", measurement, StringComparison.Ordinal);
        Assert.Contains("x-kvmsev-launch-digest", measurement, StringComparison.Ordinal);
        TransportPacket packet = LaunchSecret.Package(
            _control.Session.Keys, _control.Measured.Result.Measurement, Secret, SystemRandomSource.Instance);
        Assert.StartsWith(
            "SEV: a SEV-SNP guest takes no launch secret",
            Assert.Throws<QmpException>(() => Inject(client, packet, target: null)).Message,
            StringComparison.Ordinal);
        client.Execute("cont");
    }

    [Fact]
    public void Patience_RunsOut_EndsTheLaunchAsATimeout()
    {
        using ControlFixture impatient = new(TimeSpan.FromMilliseconds(50));

        Assert.True(impatient.Join());
        Assert.Equal(StopReason.Timeout, impatient.Stopped?.Reason);
    }

    [Theory]
    [InlineData("{\"execute\":\"query-status\",\"id\":7}", "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'")]
    [InlineData("[1]\n", "GenericError", "QMP input must be a JSON object")]
    [InlineData("{\"arguments\":{}}", "GenericError", "QMP input lacks member 'execute'")]
    [InlineData("{\"execute\":1}", "GenericError", "QMP input member 'execute' must be a string")]
    [InlineData("{\"execute\":\"x\",\"arguments\":[]}", "GenericError", "QMP input member 'arguments' must be an object")]
    [InlineData("{\"execute\":\"x\",\"more\":1}", "GenericError", "QMP input member 'more' is unexpected")]
    [InlineData("{\"execute\":\"\\ud800\"}", "GenericError", "JSON parse error: a string is no valid Unicode")]
    [InlineData("hello\n", "GenericError", "JSON parse error at byte 0")]
    public void BadMessage_GetsQmpsError(string text, string errorClass, string description)
    {
        using ControlFixture.RawClient client = _control.ConnectRaw();

        JsonElement error = client.Ask(text).GetProperty("error");

        Assert.Equal(description, error.GetProperty("desc").GetString());
        Assert.Equal(errorClass, error.GetProperty("class").GetString());
        Assert.True(client.Ask("{\"execute\":\"qmp_capabilities\"}").TryGetProperty("return", out _));
    }

    [Theory]
    [InlineData("nonsense", "{}", "CommandNotFound", "The command nonsense has not been found")]
    [InlineData("qmp_capabilities", "{}", "CommandNotFound", "Capabilities negotiation is already complete, command ignored")]
    [InlineData("query-status", "{\"x\":1}", "GenericError", "Parameter 'x' is unexpected")]
    [InlineData("sev-inject-launch-secret", "{}", "GenericError", "Parameter 'packet-header' is missing")]
    [InlineData(
        "sev-inject-launch-secret", "{\"packet-header\":1}", "GenericError",
        "Invalid parameter type for 'packet-header', expected: string")]
    [InlineData("sev-inject-launch-secret", "{\"packet-header\":\"?\"}", "GenericError", "Parameter 'packet-header' expects base64")]
    [InlineData(
        "sev-inject-launch-secret",
        "{\"packet-header\":\"\",\"secret\":\"\",\"gpa\":-1}",
        "GenericError",
        "Invalid parameter type for 'gpa', expected: uint64")]
    public void BadCommand_GetsQmpsError(string command, string arguments, string errorClass, string description)
    {
        using ControlFixture.RawClient client = _control.ConnectRaw();
        client.Ask("{\"execute\":\"qmp_capabilities\"}");

        JsonElement answer = client.Ask($"{{\"execute\":\"{command}\",\"arguments\":{arguments},\"id\":[\"a\",{{\"b\":1}}]}}");

        Assert.Equal(description, answer.GetProperty("error").GetProperty("desc").GetString());
        Assert.Equal(errorClass, answer.GetProperty("error").GetProperty("class").GetString());
        Assert.Equal("[\"a\",{\"b\":1}]", answer.GetProperty("id").GetRawText());
    }

    [Theory]
    [InlineData("{\"enable\":[\"oob\"]}", "Capability oob not available")]
    [InlineData("{\"enable\":[1]}", "Invalid parameter type for 'enable[0]', expected: string")]
    [InlineData("{\"enable\":{}}", "Invalid parameter type for 'enable', expected: array")]
    [InlineData("{\"x\":1}", "Parameter 'x' is unexpected")]
    public void Negotiation_ForWhatIsNotOffered_IsRefused(string arguments, string description)
    {
        using ControlFixture.RawClient client = _control.ConnectRaw();

        JsonElement refusal = client.Ask($"{{\"execute\":\"qmp_capabilities\",\"arguments\":{arguments}}}");

        Assert.Equal(description, refusal.GetProperty("error").GetProperty("desc").GetString());
        Assert.Equal(
            "{\"return\":{}}", client.Ask("{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[]}}").GetRawText());
    }

    [Fact]
    public void Cont_SaidTwice_IsAnsweredTwice()
    {
        using ControlFixture.RawClient client = _control.ConnectNegotiated();

        client.Send("{\"execute\":\"cont\",\"id\":1}{\"execute\":\"cont\",\"id\":2}");

        Assert.Equal("{\"return\":{},\"id\":1}", client.Receive().GetRawText());
        Assert.Equal("{\"return\":{},\"id\":2}", client.Receive().GetRawText());
        Assert.True(_control.Join());
    }

    [Fact]
    public void Stop_RightBehindTheContOfALaunch_HasTheGuestBeginStandingStill()
    {
        using ControlFixture.RawClient client = _control.ConnectNegotiated();
        client.Send("{\"execute\":\"cont\"}{\"execute\":\"stop\"}");
        Assert.Equal(["{\"return\":{}}", "{\"return\":{}}"], [client.Receive().GetRawText(), client.Receive().GetRawText()]);
        Assert.True(_control.Join());
        FakeRunningMachine machine = new();

        _control.Machine.Attach(machine);

        Assert.True(machine.IsPaused);
        Assert.Equal(VmState.Paused, _control.Machine.State);
    }

    [Fact]
    public void Patience_RunsOut_ForAClientThatAsksWithoutEndToo()
    {
        using ControlFixture impatient = new(TimeSpan.FromMilliseconds(300));
        using ControlClient client = impatient.Connect();
        TransportPacket packet = LaunchSecret.Package(
            _control.Session.Keys, _control.Measured.Result.Measurement, Secret, SystemRandomSource.Instance);

        // Another guest's packet: refused as long as the launch waits.
        string refusal = "none";
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                refusal = Assert.Throws<QmpException>(() => Inject(client, packet, target: null)).Message;
                return !refusal.Contains("BAD_MEASUREMENT", StringComparison.Ordinal);
            },
            ControlFixture.Deadline));

        string[] late =
            ["The launch ended before the guest ran", "SEV: not in the correct state (LSECRET): the guest takes no more secrets"];
        Assert.Contains(refusal, late);
        Assert.True(impatient.Join());
        Assert.Equal(StopReason.Timeout, impatient.Stopped?.Reason);
    }

    [Fact]
    public void Pipelined_AreAnsweredInOrder()
    {
        using ControlFixture.RawClient client = _control.ConnectRaw();
        client.Send(
            "{\"execute\":\"qmp_capabilities\",\"id\":0}{\"execute\":\"query-version\",\"id\":1}\n"
            + "{\"execute\":\"query-commands\",\"id\":2}");

        Assert.Equal(0, client.Receive().GetProperty("id").GetInt32());
        Assert.Equal(1, client.Receive().GetProperty("id").GetInt32());
        Assert.Contains(
            "sev-inject-launch-secret",
            client.Receive().GetProperty("return").EnumerateArray().Select(static command => command.GetProperty("name").GetString()));
        Assert.True(client.Greeting.GetProperty("QMP").TryGetProperty("version", out _));
    }

    [Fact]
    public void ClientsThatNeverReadOrNeverEnd_HoldUpNobodyElse()
    {
        List<ControlFixture.RawClient> bad = [];
        try
        {
            byte[] flood = [.. Enumerable.Repeat("{\"execute\":\"query-version\"}"u8.ToArray(), 200).SelectMany(static text => text)];
            for (int i = 0; i < 40; i++)
            {
                ControlFixture.RawClient client = _control.ConnectRaw();
                bad.Add(client);
                client.Socket.Blocking = false;
                switch (i % 4)
                {
                    case 0:
                        Flood(client.Socket, flood);
                        break;
                    case 1:
                        client.Send("{\"execute\":");
                        break;
                    case 2:
                        client.Socket.Shutdown(SocketShutdown.Send);
                        break;
                    default:
                        Flood(client.Socket, [.. Enumerable.Repeat((byte)'[', 30_000)]);
                        break;
                }
            }

            using ControlClient good = _control.Connect();
            Assert.Equal("prelaunch", good.Execute("query-status").GetProperty("status").GetString());
            good.Execute("cont");
            Assert.True(_control.Join());
        }
        finally
        {
            bad.ForEach(static client => client.Dispose());
        }
    }

    [Fact]
    public void Socket_IsItsUsersAlone_HeldByOneMonitorAndRemovedAtTheEnd()
    {
        string path = Path.Combine(_control.Folder, "other");
        using (ControlServer.Start(path, _control.Machine, Logger.None))
        {
            Assert.Equal(0, Syscall.stat(path, out Stat status));
            Assert.Equal(FilePermissions.S_IRUSR | FilePermissions.S_IWUSR, status.st_mode & FilePermissions.ACCESSPERMS);
            Assert.Contains(
                "another kvmsev holds",
                Assert.Throws<IOException>(() => ControlServer.Start(path, _control.Machine, Logger.None)).Message,
                StringComparison.Ordinal);
        }

        Assert.Equal(["s", "s.lock"], Directory.GetFiles(_control.Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Socket_OfADeadMonitor_IsReplaced_AndNothingElseIs()
    {
        string stale = Path.Combine(_control.Folder, "stale");
        using (Socket dead = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Under another name, so that its end does not remove it; a monitor that is killed removes nothing either.
            dead.Bind(new UnixDomainSocketEndPoint(stale + ".first"));
            dead.Listen();
            File.Move(stale + ".first", stale);

            // Another program listens, and knows nothing of our lock.
            Assert.Contains(
                "another program listens",
                Assert.Throws<IOException>(() => ControlServer.Start(stale, _control.Machine, Logger.None)).Message,
                StringComparison.Ordinal);
        }

        Assert.True(File.Exists(stale));
        using (ControlServer.Start(stale, _control.Machine, Logger.None))
        {
            ControlClient.Connect(stale, ControlFixture.Deadline).Dispose();
        }

        File.WriteAllText(stale, "mine");
        Assert.Throws<InvalidInputException>(() => ControlServer.Start(stale, _control.Machine, Logger.None));
        Assert.Equal("mine", File.ReadAllText(stale));
        string tooLong = new('a', 200);
        Assert.Equal(
            $"--api-socket: {tooLong}: is no path for a socket; those have at most 107 bytes",
            Assert.Throws<InvalidInputException>(() => ControlServer.Start(tooLong, _control.Machine, Logger.None)).Message);
        Assert.Equal(
            "--socket", Assert.Throws<InvalidInputException>(() => ControlClient.Connect(tooLong, ControlFixture.Deadline)).Input);
        Assert.Throws<FileNotFoundException>(() => ControlClient.Connect(Path.Combine(_control.Folder, "none"), ControlFixture.Deadline));
    }

    private static void Inject(ControlClient client, TransportPacket packet, ulong? target) =>
        client.Execute("sev-inject-launch-secret", json =>
        {
            json.WriteBase64String("packet-header"u8, packet.Header);
            json.WriteBase64String("secret"u8, packet.Data);
            if (target is ulong gpa)
            {
                json.WriteNumber("gpa"u8, gpa);
            }
        });

    // As much as the socket takes: the server stops reading when its answers are not taken.
    private static void Flood(Socket socket, byte[] bytes)
    {
        for (int i = 0; i < 100; i++)
        {
            try
            {
                socket.Send(bytes);
            }
            catch (SocketException full) when (full.SocketErrorCode == SocketError.WouldBlock)
            {
                return;
            }
        }
    }
}
