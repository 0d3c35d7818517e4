using System.Text;
using System.Text.Json;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;
using Xunit;
using static KvmSevVmm.Vmm.Tests.Control.ControlFixture;

namespace KvmSevVmm.Vmm.Tests.Control;

/// <summary>What may be asked of a machine that runs.</summary>
public sealed class MachineControlTests : IDisposable
{
    private readonly ControlFixture _control = new();
    private readonly FakeRunningMachine _machine = new();

    public MachineControlTests()
    {
        _ = _machine.SharedRegions.Set(new GpaRange(default, 64 << 20), PageState.Private, vcpu: 0);
        _ = _machine.SharedRegions.Set(new GpaRange(new Gpa(0x5000), 0x2000), PageState.Shared, vcpu: 1);
        _control.Machine.ContinueAsync().Wait(Deadline);
        Assert.True(_control.Join());
    }

    public void Dispose() => _control.Dispose();

    [Fact]
    public void StopAndCont_ChangeTheMachineOnceAndTellEveryClient()
    {
        using RawClient client = _control.ConnectNegotiated();
        using RawClient other = _control.ConnectNegotiated();
        _control.Machine.Attach(_machine);
        Assert.Equal("RESUME", EventOf(Next(other)));
        Assert.Equal("RESUME", EventOf(Next(client)));

        client.Send("""{"execute":"stop","id":1} {"execute":"stop","id":2} {"execute":"query-status","id":3}""" + "\n");
        List<JsonElement> stopped = [.. Enumerable.Range(0, 4).Select(_ => Next(client))];

        // The event comes before the answer of the command that made it.
        Assert.True(_machine.IsPaused);
        Assert.Equal("STOP", EventOf(stopped[0]));
        Assert.Equal([1, 2, 3], stopped[1..].Select(IdOf));
        Assert.Equal("STOP", EventOf(Next(other)));
        Assert.Equal("""{"status":"paused","running":false}""", stopped[3].GetProperty("return").GetRawText());

        client.Send("""{"execute":"cont"}{"execute":"cont"}""");
        JsonElement resumed = Next(other);
        Assert.Equal("RESUME", EventOf(resumed));
        JsonElement time = resumed.GetProperty("timestamp");
        Assert.InRange(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - time.GetProperty("seconds").GetInt64(), 0, 60);
        Assert.InRange(time.GetProperty("microseconds").GetInt32(), 0, 999_999);
        Assert.False(_machine.IsPaused);
        other.Send("""{"execute":"query-status"}""");
        Assert.Equal("running", Next(other).GetProperty("return").GetProperty("status").GetString());
    }

    [Fact]
    public void Stop_BeforeTheGuestRuns_HasItBeginStandingStill()
    {
        using ControlClient client = _control.Connect();
        client.Execute("stop");

        _control.Machine.Attach(_machine);

        Assert.True(_machine.IsPaused);
        Assert.Equal("paused", client.Execute("query-status").GetProperty("status").GetString());
        client.Execute("cont");
        Assert.False(_machine.IsPaused);
    }

    [Fact]
    public void Stop_ThatTakesLong_HoldsUpWhoAsksTheMachine_ButNotQueryStatus()
    {
        using ManualResetEventSlim mayStop = new();
        FakeRunningMachine slow = new() { Pausing = () => mayStop.Wait(Deadline) };
        _control.Machine.Attach(slow);
        using RawClient stopping = _control.ConnectNegotiated();
        using RawClient waiting = _control.ConnectNegotiated();
        using ControlClient asking = _control.Connect();

        stopping.Send("""{"execute":"stop"}""");
        Assert.True(SpinWait.SpinUntil(() => slow.WasPauseCalled, Deadline));
        waiting.Send("""{"execute":"query-cpus-fast"}""");

        Assert.Equal("running", asking.Execute("query-status").GetProperty("status").GetString());
        mayStop.Set();
        Assert.Equal(2, waiting.ReceiveAnswer().GetProperty("return").GetArrayLength());
        Assert.Equal("{}", stopping.ReceiveAnswer().GetProperty("return").GetRawText());
        Assert.True(slow.IsPaused);
    }

    [Fact]
    public void HeldAnswers_OfTheLargestMachine_AreWithinTheirBound()
    {
        _control.Machine.Attach(Largest());
        using ControlClient client = _control.Connect();

        string[] commands =
        [
            "query-commands", "query-cpus-fast", "query-events", "query-sev", "query-status", "query-version", "x-kvmsev-query-guard",
            "x-kvmsev-query-migratable",
        ];
        Assert.All(commands, command => Assert.InRange(client.Execute(command).GetRawText().Length, 1, QmpAnswer.MaximumLength));
    }

    [Fact]
    public void AnswersBeyondTheBound_AreStreamed()
    {
        _control.Machine.Attach(Largest());
        using ControlClient client = _control.Connect();

        string[] commands = ["x-kvmsev-query-exits", "x-kvmsev-metrics", "x-kvmsev-query-journal"];
        Assert.All(
            commands, command => Assert.InRange(client.Execute(command).GetRawText().Length, QmpAnswer.MaximumLength + 1, int.MaxValue));
        Assert.Throws<InvalidOperationException>(
            () => QmpAnswer.Of(static json => json.WriteStringValue(new string('x', QmpAnswer.MaximumLength))));
    }

    [Fact]
    public void Stop_ThatAThreadDoesNotFollow_IsRefusedAndTheGuestGoesOn()
    {
        FakeRunningMachine stubborn = new() { PauseFailure = new TimeoutException("the thread vcpu0 did not stop within 10 s") };
        _control.Machine.Attach(stubborn);
        using ControlClient client = _control.Connect();

        QmpException refused = Assert.Throws<QmpException>(() => client.Execute("stop"));

        Assert.Equal("The guest goes on: the thread vcpu0 did not stop within 10 s", refused.Message);
        Assert.Equal("running", client.Execute("query-status").GetProperty("status").GetString());
    }

    [Fact]
    public void PowerdownAndReset_AskTheMachineThatRuns_AndNoOther()
    {
        using ControlClient client = _control.Connect();
        Assert.Equal("The guest does not run", Assert.Throws<QmpException>(() => client.Execute("system_powerdown")).Message);
        Assert.Equal("The guest does not run", Assert.Throws<QmpException>(() => client.Execute("system_reset")).Message);
        _control.Machine.Attach(_machine);

        using RawClient watcher = _control.ConnectNegotiated();
        client.Execute("system_powerdown");
        client.Execute("system_powerdown");
        Assert.Equal(2, _machine.Presses);
        Assert.Equal(["POWERDOWN", "POWERDOWN"], [EventOf(Next(watcher)), EventOf(Next(watcher))]);
        Assert.Equal(StopReason.None, _control.Stop.Reason);

        client.Execute("system_reset");
        Assert.Equal(StopReason.Reset, _control.Stop.Reason);
        _control.Machine.End(StopReason.Reset);
        Assert.Throws<QmpException>(() => client.Execute("system_powerdown"));
        Assert.Equal("The guest has ended", Assert.Throws<QmpException>(() => client.Execute("stop")).Message);
        Assert.Equal("The guest has ended", Assert.Throws<QmpException>(() => client.Execute("cont")).Message);
        Assert.Equal("shutdown", client.Execute("query-status").GetProperty("status").GetString());
    }

    [Theory]
    [InlineData(StopReason.PowerOff, null, """{"guest":true,"reason":"guest-shutdown","x-kvmsev-reason":"power-off"}""")]
    [InlineData(StopReason.GuestPanic, "GUEST_PANICKED", """{"guest":true,"reason":"guest-panic","x-kvmsev-reason":"guest-panic"}""")]
    [InlineData(StopReason.Reset, "RESET", """{"guest":true,"reason":"guest-reset","x-kvmsev-reason":"reset"}""")]
    [InlineData(StopReason.Quit, null, """{"guest":false,"reason":"host-qmp-quit","x-kvmsev-reason":"quit"}""")]
    [InlineData(StopReason.Terminated, null, """{"guest":false,"reason":"host-signal","x-kvmsev-reason":"terminated"}""")]
    [InlineData(StopReason.MonitorError, null, """{"guest":false,"reason":"host-error","x-kvmsev-reason":"monitor-error"}""")]
    public void End_IsToldOnceWithItsReason(StopReason reason, string? first, string data)
    {
        using RawClient client = _control.ConnectNegotiated();
        _control.Machine.Attach(_machine);
        Assert.Equal("RESUME", EventOf(Next(client)));

        _control.Machine.End(reason);
        _control.Machine.End(StopReason.MonitorError);
        _control.EndServer();

        if (first is not null)
        {
            Assert.Equal(first, EventOf(Next(client)));
        }

        JsonElement shutdown = Next(client);
        Assert.Equal("SHUTDOWN", EventOf(shutdown));
        Assert.Equal(data, shutdown.GetProperty("data").GetRawText());
        Assert.Equal("closed", Next(client).GetString());
    }

    [Fact]
    public void MapThatChanges_IsToldAtABoundedRate()
    {
        using RawClient client = _control.ConnectNegotiated();
        _control.Machine.Attach(_machine);
        Assert.Equal("RESUME", EventOf(client.Receive()));
        JsonElement first = client.Receive();
        long start = Environment.TickCount64;
        int events = 0;
        do
        {
            _ = _machine.SharedRegions.Set(new GpaRange(new Gpa(0x8000), 0x1000), PageState.Shared, vcpu: 0);
            if (client.Socket.Available > 0)
            {
                Assert.Equal("x-kvmsev-map-changed", EventOf(client.Receive()));
                events++;
            }
        }
        while (events < 3);

        Assert.True(Environment.TickCount64 - start >= 400, "three events came in less than two periods");
        Assert.Equal(2UL, first.GetProperty("data").GetProperty("generation").GetUInt64());
        Assert.Equal(2UL, first.GetProperty("data").GetProperty("shared-pages").GetUInt64());
        ulong generation = _machine.SharedRegions.Set(new GpaRange(new Gpa(0x9000), 0x1000), PageState.Shared, vcpu: 0);
        JsonElement last;
        do
        {
            last = client.Receive();
        }
        while (last.GetProperty("data").GetProperty("generation").GetUInt64() < generation);

        Assert.Equal(generation, last.GetProperty("data").GetProperty("generation").GetUInt64());
        Assert.Equal(4UL, last.GetProperty("data").GetProperty("shared-pages").GetUInt64());
    }

    [Fact]
    public void QueryMap_IsTheCanonicalMapOnOneLine()
    {
        _control.Machine.Attach(_machine);
        using RawClient client = _control.ConnectNegotiated();
        client.Send("{\"execute\":\"x-kvmsev-query-map\",\"id\":{\"a\":\n[1]}}");
        JsonElement answer = client.ReceiveAnswer();

        Assert.Equal("""{"a":[1]}""", answer.GetProperty("id").GetRawText());
        byte[] document = Encoding.UTF8.GetBytes(answer.GetProperty("return").GetRawText());
        SharedRegionMap map = SharedRegionMapJson.Read(new MemoryStream(document), "answer");
        Assert.Equal(2UL, map.Generation);
        Assert.Empty(SharedRegionMap.Diff(_machine.SharedRegions.Snapshot(), map));
        Assert.Equal("virtqueue 0 of disk0", Assert.Single(map.Labels).Label.Text);
    }

    [Fact]
    public void QueryPage_TellsStateLabelAndTheCallThatMadeIt()
    {
        _control.Machine.Attach(_machine);
        using ControlClient client = _control.Connect();

        JsonElement page = client.Execute("x-kvmsev-query-page", json => json.WriteString("gpa"u8, "0x5123"));
        JsonElement outside = client.Execute("x-kvmsev-query-page", json => json.WriteNumber("gpa"u8, 1UL << 40));

        Assert.Equal("0x5123", page.GetProperty("gpa").GetString());
        Assert.True(page.GetProperty("ram").GetBoolean());
        Assert.Equal("shared", page.GetProperty("state").GetString());
        Assert.Equal("""{"text":"virtqueue 0 of disk0","certainty":"exact"}""", page.GetProperty("label").GetRawText());
        JsonElement since = page.GetProperty("since");
        Assert.Equal(2, since.GetProperty("generation").GetInt32());
        Assert.Equal(1, since.GetProperty("vcpu").GetInt32());
        Assert.Equal("0x5000", since.GetProperty("gpa").GetString());
        Assert.Equal(2, since.GetProperty("pages").GetInt32());
        Assert.Equal("""{"gpa":"0x10000000000","ram":false}""", outside.GetRawText());
    }

    [Theory]
    [InlineData("{}", "Parameter 'gpa' is missing")]
    [InlineData("""{"gpa":"5000"}""", "Parameter 'gpa' expects an address: a number, or a text such as \"0x1f000\"")]
    [InlineData("""{"gpa":-1}""", "Parameter 'gpa' expects an address: a number, or a text such as \"0x1f000\"")]
    [InlineData("""{"gpa":"0x1","x":1}""", "Parameter 'x' is unexpected")]
    public void QueryPage_OfWhatIsNoAddress_IsRefused(string arguments, string description)
    {
        _control.Machine.Attach(_machine);
        using RawClient client = _control.ConnectNegotiated();
        client.Send($$"""{"execute":"x-kvmsev-query-page","arguments":{{arguments}}}""");

        Assert.Equal(description, client.ReceiveAnswer().GetProperty("error").GetProperty("desc").GetString());
    }

    [Fact]
    public void QueryJournal_GoesOnFromAGeneration()
    {
        _control.Machine.Attach(_machine);
        using ControlClient client = _control.Connect();
        for (int i = 0; i < 2000; i++)
        {
            _ = _machine.SharedRegions.Set(new GpaRange(new Gpa(0x9000), 0x1000), (PageState)(1 + (i & 1)), vcpu: 0);
        }

        List<ulong> generations = [];
        ulong since = 1;
        while (true)
        {
            JsonElement batch = client.Execute("x-kvmsev-query-journal", json => json.WriteNumber("since"u8, since));
            Assert.Equal(2002UL, batch.GetProperty("generation").GetUInt64());
            Assert.Equal(0UL, batch.GetProperty("lost").GetUInt64());
            if (batch.GetProperty("calls").GetArrayLength() == 0)
            {
                break;
            }

            generations.AddRange(batch.GetProperty("calls").EnumerateArray().Select(call => call.GetProperty("generation").GetUInt64()));
            since = generations[^1];
        }

        Assert.Equal(Enumerable.Range(2, 2001).Select(number => (ulong)number), generations);
    }

    [Fact]
    public void Status_IsToldInQmpsWordsAndTheMonitorsOwn()
    {
        _control.Machine.Attach(_machine);
        using ControlClient client = _control.Connect();

        Assert.Equal(
            """
            [{"cpu-index":0,"qom-path":"/machine/unattached/device[0]","thread-id":100,"target":"x86_64"},
            {"cpu-index":1,"qom-path":"/machine/unattached/device[1]","thread-id":101,"target":"x86_64"}]
            """.ReplaceLineEndings(string.Empty),
            client.Execute("query-cpus-fast").GetRawText());
        Assert.Equal(
            """[{"cpu-index":0,"exits":{"hypercall":2,"io":7}},{"cpu-index":1,"exits":{}}]""",
            client.Execute("x-kvmsev-query-exits").GetRawText());
        Assert.Equal(
            """
            [{"device":"disk0","violations":1,"latest":{"queue":0,"part":"buffer","gpa":"0x5000",
            "cause":"is private since 1.500000 s (call 7, vCPU 0)"}}]
            """.ReplaceLineEndings(string.Empty),
            client.Execute("x-kvmsev-query-guard").GetRawText());
        string events = client.Execute("query-events").GetRawText();
        Assert.Contains("""{"name":"SHUTDOWN"}""", events, StringComparison.Ordinal);
        string[] commands = [.. client.Execute("query-commands").EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];
        Assert.Contains("x-kvmsev-query-map", commands);
        Assert.Contains("qmp_capabilities", commands);
    }

    [Fact]
    public void Migratable_SaysEveryObstacle()
    {
        _control.Machine.Attach(_machine);
        using ControlClient client = _control.Connect();

        JsonElement answer = client.Execute("x-kvmsev-query-migratable");

        Assert.False(answer.GetProperty("migratable").GetBoolean());
        Assert.Equal(
            [
                "This version of kvmsev cannot migrate a guest.",
                "The guest has not said that it is ready (MSR_KVM_MIGRATION_CONTROL).",
            ],
            answer.GetProperty("obstacles").EnumerateArray().Select(text => text.GetString()));
    }

    [Fact]
    public void Metrics_HaveNamesTypesAndLabels()
    {
        _control.Machine.Attach(_machine);
        using ControlClient client = _control.Connect();

        JsonElement metrics = client.Execute("x-kvmsev-metrics");

        JsonElement pages = Assert.Single(metrics.EnumerateArray(), metric => metric.GetProperty("name").GetString() == "kvmsev_pages");
        Assert.Equal("gauge", pages.GetProperty("type").GetString());
        JsonElement shared = Assert.Single(
            pages.GetProperty("samples").EnumerateArray(),
            sample => sample.GetProperty("labels").GetProperty("state").GetString() == "shared");
        Assert.Equal(2, shared.GetProperty("value").GetInt32());
    }

    [Fact]
    public void CapabilitiesAndReport_ComeFromTheFirmware()
    {
        using ControlClient client = _control.Connect();
        _control.Machine.Meet(_control.Platform);
        _control.Machine.Attach(_machine);

        JsonElement capabilities = client.Execute("query-sev-capabilities");
        byte[] nonce = [.. Enumerable.Range(0, 16).Select(static i => (byte)i)];
        byte[] report = client.Execute(
            "query-sev-attestation-report", json => json.WriteBase64String("mnonce"u8, nonce)).GetProperty("data").GetBytesFromBase64();

        Assert.Equal(2084, capabilities.GetProperty("pdh").GetBytesFromBase64().Length);
        Assert.Equal(6252, capabilities.GetProperty("cert-chain").GetBytesFromBase64().Length);
        Assert.NotEmpty(capabilities.GetProperty("cpu0-id").GetBytesFromBase64());
        Assert.Equal(39, capabilities.GetProperty("cbitpos").GetInt32());
        Assert.True(capabilities.GetProperty("x-kvmsev-simulated").GetBoolean());
        Assert.Equal(nonce, report[..16]);
        Assert.Equal(
            "SEV: mnonce must be 16 bytes (got 3)",
            Assert.Throws<QmpException>(() => client.Execute(
                "query-sev-attestation-report", json => json.WriteBase64String("mnonce"u8, nonce.AsSpan(0, 3)))).Message);
        _control.Machine.End(StopReason.Quit);
        Assert.Throws<QmpException>(() => client.Execute("query-sev-capabilities"));
    }

    /// <summary>The next message but for those of the map, which come when it is their time.</summary>
    private static JsonElement Next(RawClient client)
    {
        JsonElement message;
        do
        {
            message = client.Receive();
        }
        while (EventOf(message) == "x-kvmsev-map-changed");

        return message;
    }

    /// <summary>As many vCPUs and devices as there can be, and a full batch of the journal.</summary>
    private static FakeRunningMachine Largest()
    {
        Dictionary<string, ulong> exits = Enumerable.Range(0, 24).ToDictionary(static kind => $"kind-{kind:D8}", static _ => 1UL << 40);
        FakeRunningMachine machine = new()
        {
            Vcpus = [.. Enumerable.Range(0, 255).Select(index => new VcpuStatus(index, 1 << 22, exits))],
            DeviceCount = 64,
        };
        for (int i = 0; i < SharedRegionTracker.JournalBatchLimit; i++)
        {
            _ = machine.SharedRegions.Set(new GpaRange(new Gpa(0x9000), 0x1000), PageState.Shared, vcpu: 0);
        }

        return machine;
    }

    private static string? EventOf(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty("event", out JsonElement name) ? name.GetString() : null;

    private static int? IdOf(JsonElement message) => message.TryGetProperty("id", out JsonElement id) ? id.GetInt32() : null;
}
