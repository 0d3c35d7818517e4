using System.Text.Json;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Vmm.Control;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>An owner's QMP commands on a machine with SEV, while the launch waits for them.</summary>
public sealed class ControlHardwareTests : IDisposable
{
    private readonly SevHostFixture _host = new();
    private readonly TempDirectory _folder = new();

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task WaitingLaunch_TellsThePlatformAndGivesItsReport()
    {
        string socket = _folder.File("socket");
        Task<SevHostRun> running = _host.RunAsync(
            "--sev --c-bit-alias --strict", "sev", "--api-socket", socket, "--wait-for-owner");
        using ControlClient client = await SevHostFixture.ConnectAsync(socket, running);
        while (client.Execute("query-sev").GetProperty("state").GetString() != "launch-secret")
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        JsonElement capabilities = client.Execute("query-sev-capabilities");
        byte[] nonce = [.. Enumerable.Range(1, 16).Select(static i => (byte)i)];
        byte[] report = client.Execute(
            "query-sev-attestation-report", json => json.WriteBase64String("mnonce"u8, nonce)).GetProperty("data").GetBytesFromBase64();
        string state = client.Execute("query-status").GetProperty("status").GetString()!;
        client.Execute("cont");
        SevHostRun run = await running;

        Assert.Equal((21 << 1) | 1, run.ExitCode);
        Assert.Empty(run.Violations);
        Assert.Equal("prelaunch", state);
        Assert.Equal(2084, capabilities.GetProperty("pdh").GetBytesFromBase64().Length);
        Assert.Equal(6252, capabilities.GetProperty("cert-chain").GetBytesFromBase64().Length);
        Assert.NotEmpty(capabilities.GetProperty("cpu0-id").GetBytesFromBase64());
        Assert.False(capabilities.GetProperty("x-kvmsev-simulated").GetBoolean());
        LegacyAttestationReport parsed = LegacyAttestationReport.Parse(report, "report");
        Assert.Equal(nonce, parsed.Nonce.ToArray());
        Assert.Equal(run.OfVm("launch_digest"), Convert.ToHexStringLower(parsed.LaunchDigest));
    }
}
