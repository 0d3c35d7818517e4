using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Control;
using KvmSevVmm.Vmm.Sev;
using Mono.Unix.Native;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>The launch of simulated guests by the command line: measured, waited for, given a secret; nothing is run.</summary>
public sealed class LaunchTests : IDisposable
{
    private readonly LaunchProcess _process = new();

    public void Dispose() => _process.Dispose();

    [Theory]
    [InlineData("sev", "on", 1)]
    [InlineData("sev-es", "on", 2)]
    [InlineData("sev-es", "off", 4)]
    public void LaunchOnly_DigestIsWhatAnybodyComputesFromTheFiles(string kind, string legacy, int vcpus)
    {
        _process.Start(
            $"simulated,kind={kind},legacy-vm-type={legacy}", "--secret-page", "--cpus", $"{vcpus}", "--launch-bundle", _process.Path("b"));

        (int exitCode, string error) = _process.Wait();

        Assert.Equal(0, exitCode);
        JsonElement bundle = _process.Json("b");
        JsonElement result = _process.Json("result.json");
        Schemas.JsonSchemas.AssertFits(bundle, "kvmsev.launch-bundle/1");
        Schemas.JsonSchemas.AssertFits(result, "kvmsev.result/1");
        Assert.Equal("launched", result.GetProperty("stop").GetProperty("reason").GetString());
        Assert.Equal(Recompute(bundle, kind, legacy, vcpus), result.GetProperty("launchDigest").GetString());
        Assert.Equal(result.GetProperty("launchDigest").GetString(), bundle.GetProperty("launchDigest").GetString());
        Assert.True(bundle.GetProperty("simulated").GetBoolean() && result.GetProperty("simulated").GetBoolean());
        Assert.Contains("simulated launch measurement", error, StringComparison.Ordinal);
        Assert.Contains("nothing is confidential", error, StringComparison.Ordinal);
    }

    [Fact]
    public void SevEs_WouldHaveToRun_IsRefused()
    {
        CliResult result = new CliRunner { Machine = new Cli.Commands.MachineRunner() }.RunWith(
            "run", "--kernel", _process.Path("tiny.elf"), "--sev", "simulated,kind=sev-es", "--serial", "off");

        Assert.Equal(69, result.ExitCode);
        Assert.Contains("--launch-only", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Owner_ByTheCommandLine_VerifiesAndInjects()
    {
        SevPolicy policy = new(1);
        using SoftwarePsp platform = SoftwarePsp.Open(_process.Path("model"));
        using LaunchSession session = LaunchSession.Create(platform.ExportChain().Pdh, policy, SystemRandomSource.Instance);
        session.Save(_process.Path("vm"));
        _process.StartWaiting(
            $"simulated,model={_process.Path("model")},policy=1,dh-cert-file={_process.Path("vm_godh.b64")},"
            + $"session-file={_process.Path("vm_session.b64")}",
            "--secret-page",
            "--launch-bundle",
            _process.Path("b"));

        JsonElement bundle = _process.Json("b");
        LaunchMeasurement measurement = LaunchMeasurement.ParseBase64(bundle.GetProperty("measurement").GetString()!, "bundle");
        byte[] digest = Convert.FromHexString(bundle.GetProperty("launchDigest").GetString()!);
        CheckResult check = LaunchMeasure.Verify(measurement, session.Keys.Tik, new SevFirmwareVersion(1, 55, 25), policy, digest);
        Assert.Equal(CheckOutcome.Pass, check.Outcome);
        Assert.Equal(
            platform.ExportPdh().Pdh.ToArray(), bundle.GetProperty("platform").GetProperty("pdh").GetBytesFromBase64());

        TransportPacket packet = LaunchSecret.Package(session.Keys, measurement, new byte[64], SystemRandomSource.Instance);
        File.WriteAllBytes(_process.Path("header"), packet.Header);
        File.WriteAllText(_process.Path("secret"), Convert.ToBase64String(packet.Data));
        File.WriteAllBytes(_process.Path("changed"), [.. packet.Data[..^1], (byte)(packet.Data[^1] ^ 1)]);
        CliResult refused = Inject("header", "changed");
        CliResult accepted = Inject("header", "secret", "--continue");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("the machine refuses: LAUNCH_SECRET failed: firmware BAD_MEASUREMENT", refused.Error, StringComparison.Ordinal);
        Assert.Equal(0, accepted.ExitCode);
        Assert.Contains("header raw, secret base64", accepted.Error, StringComparison.Ordinal);
        Assert.Equal(0, _process.Wait().ExitCode);
        Assert.DoesNotContain(_process.Names, static name => name.StartsWith("socket", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Signum.SIGINT, 130, "interrupted")]
    [InlineData(Signum.SIGTERM, 143, "terminated")]
    public void Signal_WhileTheLaunchWaits_EndsItCleanly(Signum signal, int code, string reason)
    {
        _process.StartWaiting("simulated");

        _process.Signal(signal);

        AssertEnded(code, reason);
    }

    [Fact]
    public void Timeout_WhileTheLaunchWaits_EndsItCleanly()
    {
        _process.StartWaiting("simulated", "--timeout", "300ms");

        AssertEnded(36, "timeout");
    }

    [Fact]
    public void Quit_WhileTheLaunchWaits_EndsItCleanly()
    {
        _process.StartWaiting("simulated");
        using (ControlClient client = ControlClient.Connect(_process.Socket, TimeSpan.FromSeconds(30)))
        {
            client.Execute("quit");
        }

        AssertEnded(0, "quit");
    }

    [Fact]
    public void Inject_WithoutAMachine_SaysSo()
    {
        File.WriteAllBytes(_process.Path("header"), new byte[TransportPacket.HeaderSize]);
        File.WriteAllBytes(_process.Path("short"), new byte[3]);

        Assert.Equal(66, Inject("header", "header").ExitCode);
        Assert.Equal(65, Inject("short", "header").ExitCode);
        Assert.Equal(66, Inject("absent", "header").ExitCode);
    }

    private CliResult Inject(string header, string secret, params string[] more) => CliRunner.Run(
        [
            "secret", "inject", "--socket", _process.Socket, "--header", _process.Path(header), "--secret", _process.Path(secret), .. more,
        ]);

    private void AssertEnded(int code, string reason)
    {
        Assert.Equal(code, _process.Wait().ExitCode);
        JsonElement result = _process.Json("result.json");
        Assert.Equal(reason, result.GetProperty("stop").GetProperty("reason").GetString());
        Assert.Equal(96, result.GetProperty("launchMeasurement").GetString()!.Length);
        Assert.Equal(["initrd", "result.json", "tiny.elf"], _process.Names);
    }

    // As 'measure' does: no KVM is asked, only what the bundle says of the machine.
    private string Recompute(JsonElement bundle, string kind, string legacy, int vcpus)
    {
        using DirectLaunchDigest launch = DirectLaunchDigest.Open(new DirectLaunchInputs
        {
            Machine = new VmConfig
            {
                Boot = new BootConfig(_process.Path("tiny.elf"), _process.Path("initrd"), "a b") { HasSecretPage = true },
                MemoryBytes = bundle.GetProperty("memoryBytes").GetUInt64(),
                VcpuCount = vcpus,
            },
            Kind = kind == "sev-es" ? SevGuestKind.SevEs : SevGuestKind.Sev,
            CBitPosition = bundle.GetProperty("cBit").GetInt32(),
            InitInterface = legacy == "on" ? SevInitInterface.Legacy : SevInitInterface.Init2,
            CpuSignature = Convert.ToUInt32(bundle.GetProperty("cpuSignature").GetString(), 16),
        });
        return Convert.ToHexStringLower(launch.Compute());
    }
}
