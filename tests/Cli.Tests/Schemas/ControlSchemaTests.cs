using System.Text.Json;
using System.Text.Json.Nodes;
using KvmSevVmm.Cli.Tests.Commands.Control;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Cli.Tests.Schemas;

/// <summary>Every answer of a command that is kvmsev's own, on a real control socket, fits its published schema.</summary>
public sealed class ControlSchemaTests : IDisposable
{
    private const string Prefix = "x-kvmsev-";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly ControlSocket _socket = new();

    public ControlSchemaTests()
    {
        _socket.Machine.SharedRegions.Set(new GpaRange(default, 16 << 20), PageState.Private, vcpu: 0);
        _socket.Machine.SharedRegions.Set(new GpaRange(new Gpa(0x5000), 0x3000), PageState.Shared, vcpu: 1);
    }

    public void Dispose() => _socket.Dispose();

    [Fact]
    public void EveryAnswer_FitsTheSchemaWithItsName()
    {
        using ControlClient client = Connect();
        string[] commands =
        [
            .. client.Execute("query-commands").EnumerateArray()
                .Select(static command => command.GetProperty("name").GetString()!)
                .Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal)),
        ];

        Assert.Equal(
            [
                "x-kvmsev-metrics", "x-kvmsev-query-exits", "x-kvmsev-query-guard", "x-kvmsev-query-journal", "x-kvmsev-query-map",
                "x-kvmsev-query-migratable", "x-kvmsev-query-page",
            ],
            commands.Order(StringComparer.Ordinal));
        foreach (string command in commands.Where(static name => name != "x-kvmsev-query-page"))
        {
            JsonElement answer = client.Execute(command);
            JsonSchemas.AssertFits(answer, command == "x-kvmsev-query-map" ? "kvmsev.encryption-map/1" : command);
        }
    }

    [Theory]
    [InlineData(0x5123UL, "gpa label ram since state")]
    [InlineData(0x9000UL, "gpa ram since state")]
    [InlineData(0x300_0000UL, "gpa ram state")]
    [InlineData(1UL << 40, "gpa ram")]
    public void Page_FitsItsSchema_WhateverIsKnownOfIt(ulong gpa, string members)
    {
        using ControlClient client = Connect();

        JsonElement page = client.Execute("x-kvmsev-query-page", json => json.WriteNumber("gpa"u8, gpa));

        JsonSchemas.AssertFits(page, "x-kvmsev-query-page");
        Assert.Equal(members, string.Join(' ', page.EnumerateObject().Select(static member => member.Name).Order()));
    }

    [Theory]
    [InlineData("state", "\"perhaps\"")]
    [InlineData("gpa", "4096")]
    [InlineData("ram", "null")]
    [InlineData("since", "{\"generation\":0}")]
    public void Page_ThatIsWrong_DoesNotFit(string member, string value)
    {
        using ControlClient client = Connect();
        JsonNode page = JsonNode.Parse(
            client.Execute("x-kvmsev-query-page", static json => json.WriteNumber("gpa"u8, 0x5000)).GetRawText())!;
        page[member] = JsonNode.Parse(value);

        Assert.ThrowsAny<Xunit.Sdk.XunitException>(
            () => JsonSchemas.AssertFits(JsonSerializer.SerializeToElement(page), "x-kvmsev-query-page"));
    }

    [Fact]
    public void EventOfTheMap_FitsItsSchema()
    {
        using ControlClient client = Connect();
        _socket.Machine.SharedRegions.Set(new GpaRange(new Gpa(0x9000), 0x1000), PageState.Shared, vcpu: 0);
        JsonElement happened;
        do
        {
            happened = client.ReadEvent()!.Value;
        }
        while (!happened.GetProperty("event").ValueEquals("x-kvmsev-map-changed"));

        JsonSchemas.AssertFits(happened.GetProperty("data"), "x-kvmsev-map-changed");
    }

    private ControlClient Connect() => ControlClient.Connect(_socket.Path, Deadline);
}
