using System.Text.Json.Nodes;
using KvmSevVmm.Cli.Commands.Attestation;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Tests;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary><c>attest verify --launch-bundle</c>: the host's claims against what the owner knows.</summary>
public sealed class LaunchBundleTests : IDisposable
{
    private readonly OwnerDirectory _owner = new();

    public void Dispose() => _owner.Dispose();

    [Fact]
    public void Bundle_OfAModel_IsVerified_OnlyIfAllowed_AndOnlyWithADigest()
    {
        WriteBundle();

        Assert.Contains("result:      PASS", OwnerDirectory.Succeed(Command()).Output, StringComparison.Ordinal);
        AssertFails(Command(without: "--allow-simulated"), "FAIL        bundle.simulated");
        AssertFails(Command(without: "--digest"), "NOT CHECKED bundle.launch-digest");
        AssertFails(Command(without: "--tik"), "NOT CHECKED measurement");
        AssertFails([.. Command(), "--firmware", "1.55.24"], "FAIL        bundle.firmware");
    }

    [Theory]
    [InlineData("launchDigest", "0000000000000000000000000000000000000000000000000000000000000000", "FAIL        bundle.launch-digest")]
    [InlineData("policy", "0x00000001", "FAIL        bundle.policy")]
    [InlineData("kind", "sev-es", "FAIL        bundle.kind")]
    public void Bundle_WithAnotherClaim_Fails(string member, string claim, string check)
    {
        WriteBundle(bundle => bundle[member] = claim);

        AssertFails(Command(), check);
    }

    [Theory]
    [InlineData("apiMajor")]
    [InlineData("apiMinor")]
    [InlineData("build")]
    public void Bundle_OfAnotherFirmware_FailsTheMeasurement(string member)
    {
        WriteBundle(bundle => bundle["firmware"]![member] = 99);

        AssertFails(Command(), "FAIL        measurement");
    }

    [Fact]
    public void Bundle_ThatHidesTheModel_FailsAtItsRoot()
    {
        WriteBundle(static bundle =>
        {
            bundle["simulated"] = false;
            bundle["mode"] = "sev";
        });

        AssertFails(Command(without: "--allow-simulated"), "FAIL        ark.pinned");
    }

    [Theory]
    [InlineData("schema", "\"kvmsev.launch-bundle/9\"", "schema: \"kvmsev.launch-bundle/9\" is not kvmsev.launch-bundle/1")]
    [InlineData("simulated", "1", "simulated: it is JSON's Number")]
    [InlineData("policy", "\"many\"", "policy: \"many\" is none of:")]
    [InlineData("firmware", "{\"apiMajor\":1,\"apiMinor\":300,\"build\":1}", "apiMinor: it is no number from 0 to 255")]
    [InlineData("launchDigest", "\"00\"", "launchDigest: it is not 64 hexadecimal digits")]
    [InlineData("measurement", "\"AAAA\"", "measurement: measurement: ")]
    [InlineData("measurement", "\"?\"", "measurement: it is no base64")]
    [InlineData("platform", "[]", "platform: it is JSON's Array")]
    [InlineData("platform", "{\"pdh\":\"AA==\",\"chain\":\"AA==\"}", "chain: chain: ")]
    public void Bundle_Malformed_NamesTheMember(string member, string json, string message)
    {
        WriteBundle(bundle => bundle[member] = JsonNode.Parse(json));

        CliResult result = CliRunner.Run(Command());

        Assert.Equal(65, result.ExitCode);
        Assert.StartsWith($"kvmsev: {_owner.File("bundle.json")}: {message}", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Bundle_TruncatedAndMutated_IsReadOrRefusedByField()
    {
        WriteBundle();
        byte[] bundle = File.ReadAllBytes(_owner.File("bundle.json"));

        Fuzz.Truncate(bundle[..2048], static bytes => LaunchBundleFile.Parse(bytes, "fuzz"));
        Fuzz.Mutate([bundle], static bytes => LaunchBundleFile.Parse(bytes, "fuzz"));
    }

    private string[] Command(string? without = null)
    {
        List<string> command =
        [
            "attest", "verify", "--launch-bundle", _owner.File("bundle.json"), "--policy", "3", "--digest", _owner.Digest,
            "--tik", _owner.File("vm_tik.bin"), "--allow-simulated",
        ];
        if (without is not null)
        {
            int index = command.IndexOf(without);
            command.RemoveRange(index, without == "--allow-simulated" ? 1 : 2);
        }

        return [.. command];
    }

    private static void AssertFails(string[] command, string check)
    {
        CliResult result = CliRunner.Run(command);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(check, result.Output, StringComparison.Ordinal);
    }

    private void WriteBundle(Action<JsonObject>? change = null)
    {
        _owner.MakeSession();
        SevCertificateChain chain = SevCertificateChain.Read(_owner.File("platform.chain"), out _);
        _owner.Launch((_, measurement) =>
        {
            JsonObject bundle = new()
            {
                ["schema"] = "kvmsev.launch-bundle/1",
                ["mode"] = "simulated",
                ["simulated"] = true,
                ["kind"] = "sev",
                ["policy"] = "0x00000003",
                ["firmware"] = new JsonObject { ["apiMajor"] = 1, ["apiMinor"] = 55, ["build"] = 25 },
                ["launchDigest"] = _owner.Digest,
                ["measurement"] = measurement.ToString(),
                ["platform"] = new JsonObject
                {
                    ["pdh"] = Convert.ToBase64String(chain.Pdh.Bytes),
                    ["chain"] = Convert.ToBase64String(chain.ToPlatformChain()),
                    ["signedCek"] = Convert.ToBase64String(chain.Cek.Bytes),
                    ["authority"] = Convert.ToBase64String(SoftwarePsp.ExportAuthority().ToBytes()),
                },
            };
            change?.Invoke(bundle);
            File.WriteAllText(_owner.File("bundle.json"), bundle.ToJsonString());
        });
    }
}
