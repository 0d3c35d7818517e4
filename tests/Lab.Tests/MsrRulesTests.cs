using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>The MSRs that reach the monitor. A #GP in a guest without an IDT is a triple fault: the end is <c>shutdown</c>.</summary>
public sealed class MsrRulesTests
{
    private readonly ProbeFixture _probe;

    public MsrRulesTests(ProbeFixture probe)
    {
        _probe = probe;
    }

    [Theory]
    [InlineData("sev-status-read", "0x1", 1)]
    [InlineData("migration-control-read", "0x0", 1)]
    [InlineData("migration-control-read-no-sev", "0x1", 1)]
    [InlineData("migration-control-write-1", "0x1", 2)]
    [InlineData("migration-control-write-0", "0x0", 2)]
    [InlineData("migration-control-write-1-then-0", "0x0", 3)]
    [InlineData("unknown-read-ignored", "0x0", 1)]
    [InlineData("unknown-write-ignored", "0x0", 2)]
    public void Access_IsAnswered(string name, string rax, int exits)
    {
        JsonElement seen = _probe[name];

        Assert.Equal("answered", seen.GetProperty("end").GetString());
        Assert.Equal(rax, seen.GetProperty("rax").GetString());
        Assert.Equal("0x0", seen.GetProperty("rdx").GetString());
        Assert.Equal(exits, seen.GetProperty("msrExits").GetInt32());
    }

    [Theory]
    [InlineData("sev-status-read-no-sev")]
    [InlineData("sev-status-write")]
    [InlineData("migration-control-read-not-offered")]
    [InlineData("migration-control-write-2")]
    [InlineData("migration-control-write-high")]
    [InlineData("unknown-read")]
    [InlineData("unknown-write")]
    public void Access_GivesAGeneralProtectionFault(string name)
    {
        JsonElement seen = _probe[name];

        Assert.Equal("shutdown", seen.GetProperty("end").GetString());
        Assert.Equal(1, seen.GetProperty("msrExits").GetInt32());
    }

    [Theory]
    [InlineData("migration-control-write-1", true)]
    [InlineData("migration-control-write-1-then-0", false)]
    [InlineData("migration-control-write-2", false)]
    public void MigrationControl_Bit0_IsWhatTheMapSays(string name, bool isReady) =>
        Assert.Equal(isReady, _probe[name].GetProperty("migrationReady").GetBoolean());
}
