using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Tests.Owner;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Firmware;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Tests.Firmware;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Control;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// The launch bundle of a SEV-SNP guest: <c>run --launch-bundle</c> writes it, <c>measure --bundle</c> computes its digest again from the
/// files, and <c>attest verify</c> holds the guest's report against it. Whatever is changed in file, bundle or report is found.
/// </summary>
public sealed class SnpBundleTests : IDisposable
{
    private const string CommandLine = "console=ttyS0 quiet";
    private static readonly byte[] HostData = [.. Enumerable.Range(1, 32).Select(static i => (byte)i)];

    /// <summary>The guest at its reset vector: jmp to itself.</summary>
    private static readonly byte[] Spin = [0xEB, 0xFE];

    private readonly TempDirectory _folder = new();
    private readonly SevHostFixture _host = new();

    public SnpBundleTests()
    {
        File.WriteAllBytes(Firmware, OvmfBuilder.Complete().ToBytes());
        File.WriteAllText(Kernel, new string('k', 2048)); // long enough for a kernel; nobody boots it
        File.WriteAllText(Initrd, "initrd");
    }

    private string Firmware => _folder.File("OVMF.fd");

    private string Kernel => _folder.File("kernel");

    private string Initrd => _folder.File("initrd");

    private string Bundle => _folder.File("bundle.json");

    private string[] Measure => ["measure", "--bundle", Bundle, .. Files];

    private string[] Files => ["--firmware", Firmware, "--kernel", Kernel, "--initramfs", Initrd, "--cmdline", CommandLine];

    private string[] Verify =>
    [
        "attest", "verify", _folder.File("report"), "--launch-bundle", Bundle, "--certs", _folder.File("certs"), "--allow-simulated",
    ];

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    [KvmTheory]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [InlineData(2, false)]
    public void OnTheModel_IsMeasuredAgainFromTheFiles(int vcpus, bool withHashes)
    {
        JsonObject bundle = Launch($"kernel-hashes={(withHashes ? "on" : "off")}", "--cpus", $"{vcpus}");

        string digest = OwnerDirectory.Succeed(Measure).Output.Trim();

        Assert.Equal(bundle["launchDigest"]!.GetValue<string>(), digest);
        Assert.Equal((vcpus, withHashes), (bundle["saveAreas"]!.AsArray().Count, bundle["kernelHashes"] is not null));
        Assert.Equal(["firmware", "SEC_MEM", "SECRETS", "CPUID", "SVSM_CAA", "KERNEL_HASHES"], bundle["pages"]!.AsArray().Select(Name));
        Assert.Equal(Convert.ToHexStringLower(SHA384.HashData(File.ReadAllBytes(Firmware))), (string?)bundle["pages"]![0]!["sha384"]);
        Assert.Equal(
            (string?)bundle["pages"]![0]!["digestAfter"],
            OwnerDirectory.Succeed("measure", "--bundle", Bundle, "--firmware", Firmware, "--firmware-only").Output.Trim());
    }

    [Theory]
    [InlineData("--snp --strict")]
    [InlineData("--snp --strict --partial-progress")]
    public async Task OnTheHost_HasTheFirmwaresDigestAndIsMeasuredAgainFromTheFiles(string host)
    {
        string kernel = SevHostFixture.WriteKernel(Kernel);
        SevHostRun run = await _host.RunAsync(
            host,
            $"sev-snp,kernel-hashes=on,vcek-disabled=on,host-data={Convert.ToBase64String(HostData)}",
            "--launch-only", "--cpus", "2", "--firmware", Firmware, "--cmdline", CommandLine, "--launch-bundle", Bundle);

        Assert.Equal((ExitCode.Success, string.Empty), (run.ExitCode, run.ExitCode == 0 ? string.Empty : run.Error));
        JsonObject bundle = ReadBundle();
        Schemas.JsonSchemas.AssertFits(bundle.ToJsonString());
        Assert.Equal(run.OfVm("launch_digest"), (string?)bundle["launchDigest"]);
        Assert.Equal(
            run.OfVm("launch_digest"),
            OwnerDirectory.Succeed("measure", "--bundle", Bundle, "--firmware", Firmware, "--kernel", kernel, "--cmdline", CommandLine)
                .Output.Trim());
        Assert.Equal("sev-snp false true", $"{bundle["mode"]} {bundle["simulated"]} {bundle["vcekDisabled"]}");
        Assert.Equal(Convert.ToHexStringLower(HostData), (string?)bundle["hostData"]);
        Assert.Equal("1 55 25", $"{bundle["firmware"]!["apiMajor"]} {bundle["firmware"]!["apiMinor"]} {bundle["firmware"]!["build"]}");
    }

    [Fact]
    public async Task OnTheHost_TheSocketTellsTheDigestOfTheRunningGuest()
    {
        byte[] image = OvmfBuilder.Complete().ToBytes();
        Spin.CopyTo(image.AsSpan(image.Length - 16));
        File.WriteAllBytes(Firmware, image);
        string socket = _folder.File("socket");
        Task<SevHostRun> running = _host.RunAsync(
            "--snp --strict", "sev-snp", "--cpus", "2", "--firmware", Firmware, "--api-socket", socket);
        using ControlClient client = await SevHostFixture.ConnectAsync(socket, running);
        while (client.Execute("query-status").GetProperty("status").GetString() != "running")
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        System.Text.Json.JsonElement sev = client.Execute("query-sev");
        string refusal = Assert.Throws<QmpException>(() => client.Execute("query-sev-launch-measure")).Message;
        client.Execute("quit");
        SevHostRun run = await running;

        Assert.Equal(ExitCode.Success, run.ExitCode);
        Assert.Empty(run.Violations);
        Assert.Equal("sev-snp", sev.GetProperty("sev-type").GetString());
        Assert.Equal(run.OfVm("launch_digest"), sev.GetProperty("x-kvmsev-launch-digest").GetString());
        Assert.StartsWith("SEV launch measurement is not available: ", refusal, StringComparison.Ordinal);
    }

    [KvmFact]
    public void ChangedFile_Differs()
    {
        Launch("kernel-hashes=on", "--cpus", "2");
        foreach (string file in new[] { Firmware, Kernel, Initrd })
        {
            byte[] content = File.ReadAllBytes(file);
            foreach (int at in new[] { 0, content.Length / 3 })
            {
                content[at] ^= 1;
                File.WriteAllBytes(file, content);
                CliResult differs = CliRunner.Run(Measure);
                Assert.Equal((file, ExitCode.Failure), (file, differs.ExitCode));
                Assert.Contains("launch digest of the bundle: DIFFERS", differs.Error, StringComparison.Ordinal);
                Assert.Equal(
                    file == Firmware, differs.Error.Contains("SHA-384 of the bundle's firmware: DIFFERS", StringComparison.Ordinal));
                content[at] ^= 1;
            }

            File.WriteAllBytes(file, content);
        }

        Assert.Equal(ExitCode.Failure, CliRunner.Run([.. Measure[..^1], CommandLine + " "]).ExitCode);
        Assert.Equal(ExitCode.Failure, CliRunner.Run([.. Measure, "--cpus", "3"]).ExitCode);
        CliResult incomplete = CliRunner.Run("measure", "--bundle", Bundle, "--firmware", Firmware);
        Assert.Equal(ExitCode.Usage, incomplete.ExitCode);
        Assert.Contains("--kernel is required: the bundle's launch measured one", incomplete.Error, StringComparison.Ordinal);
        OwnerDirectory.Succeed(Measure);
    }

    [KvmFact]
    public void Report_OfThisLaunch_IsVerified()
    {
        LaunchWithIdBlockAndReport();

        CliResult verified = OwnerDirectory.Succeed(Verify);

        Assert.Contains("result:      PASS", verified.Output, StringComparison.Ordinal);
        string[] passed =
        [
            "bundle.simulated", "bundle.save-areas", "bundle.kernel-hashes", "bundle.pages", "id-block.launch-digest", "id-block.policy",
            "id-block.signature", "id-key.signature", "bundle.firmware", "bundle.vcek", "report.measurement", "report.host-data",
            "report.id-key-digest", "report.author-key-digest", "report.family-id", "report.image-id", "report.guest-svn", "policy.value",
        ];
        Assert.All(passed, name => Assert.Contains($"PASS        {name}", verified.Output, StringComparison.Ordinal));

        // What the host says of itself is no proof: the owner has to say what is expected.
        Assert.Contains("NOT CHECKED bundle.launch-digest", verified.Output, StringComparison.Ordinal);
        Assert.Contains("NOT CHECKED bundle.policy", verified.Output, StringComparison.Ordinal);
        string digest = OwnerDirectory.Succeed(Measure).Output.Trim();
        CliResult expected = OwnerDirectory.Succeed([.. Verify, "--digest", digest, "--policy", "0x30000"]);
        Assert.Contains("PASS        bundle.launch-digest", expected.Output, StringComparison.Ordinal);
        Assert.Contains("PASS        bundle.policy", expected.Output, StringComparison.Ordinal);
    }

    [KvmFact]
    public void Report_OfAnotherLaunchOrForAnotherOwner_Fails()
    {
        LaunchWithIdBlockAndReport();
        AssertFails([.. Verify, "--digest", new string('0', 96)], "FAIL        bundle.launch-digest", "FAIL        report.measurement");
        AssertFails([.. Verify, "--policy", "0xb0000"], "FAIL        bundle.policy", "FAIL        policy.value");
        AssertFails([.. Verify, "--host-data", new string('0', 64)], "FAIL        report.host-data");
        AssertFails([.. Verify.Where(static argument => argument != "--allow-simulated")], "FAIL        bundle.simulated");

        // Another launch with the same files, of one vCPU more, and no ID block.
        Launch($"kernel-hashes=on,model={_folder.File("psp")}", "--cpus", "3");
        AssertFails(Verify, "FAIL        report.measurement", "FAIL        report.host-data", "FAIL        report.id-key-digest");
    }

    [KvmFact]
    public void ChangedBundle_IsFound_WhereverItIsChanged()
    {
        LaunchWithIdBlockAndReport();
        string original = File.ReadAllText(Bundle);
        List<string> unnoticed = [];
        int changes = 0;
        foreach ((string path, Func<JsonNode, JsonNode?> find) in Leaves(JsonNode.Parse(original)!))
        {
            foreach (JsonNode changed in Changes(find(JsonNode.Parse(original)!)!))
            {
                JsonNode document = JsonNode.Parse(original)!;
                find(document)!.ReplaceWith(changed);
                File.WriteAllText(Bundle, document.ToJsonString());
                changes++;
                int[] ends = [CliRunner.Run(Verify).ExitCode, CliRunner.Run(Measure).ExitCode];
                Assert.All(ends, static end => Assert.Contains(end, new[] { 0, ExitCode.Failure, ExitCode.BadInput }));
                if (ends is [0, 0])
                {
                    unnoticed.Add($"{path}: {changed.ToJsonString()}");
                }
            }
        }

        Assert.InRange(changes, 60, 400);
        Assert.Empty(unnoticed);
        File.WriteAllText(Bundle, original);
        OwnerDirectory.Succeed(Verify);
    }

    [KvmFact]
    public void MalformedBundle_NamesTheMember()
    {
        LaunchWithIdBlockAndReport();
        string original = File.ReadAllText(Bundle);
        foreach ((string path, Func<JsonNode, JsonNode?> find) in Leaves(JsonNode.Parse(original)!))
        {
            string member = path.Split('.').Last(static part => part.Length > 0 && !char.IsAsciiDigit(part[0]));
            JsonNode document = JsonNode.Parse(original)!;
            find(document)!.ReplaceWith(JsonNode.Parse("{\"a\\nb\":[]}"));
            File.WriteAllText(Bundle, document.ToJsonString());
            foreach (string[] command in new[] { Verify, Measure })
            {
                CliResult refused = CliRunner.Run(command);
                string line = Assert.Single(refused.ErrorLines);

                Assert.Equal((path, ExitCode.BadInput), (path, refused.ExitCode));
                Assert.Contains($"{member}: ", line, StringComparison.Ordinal);
            }
        }
    }

    [KvmFact]
    public void Bundle_WithoutAReport_ProvesNothingAndSaysSo()
    {
        Launch("kernel-hashes=on");

        CliRunner.Run("attest", "verify", "--launch-bundle", Bundle).AssertFailure(
            65,
            $"{Bundle}: kind: \"sev-snp\": such a launch has no measurement, the guest's report proves it: "
                + "'kvmsev attest verify REPORT --launch-bundle FILE'");
    }

    /// <summary>Every value of a document, and how to find it in another copy.</summary>
    private static IEnumerable<(string Path, Func<JsonNode, JsonNode?> Find)> Leaves(JsonNode node)
    {
        switch (node)
        {
            case JsonObject members:
                foreach ((string name, JsonNode? member) in members)
                {
                    foreach ((string path, Func<JsonNode, JsonNode?> find) in member is null ? [] : Leaves(member))
                    {
                        yield return ($"{name}.{path}", root => find(root[name]!));
                    }
                }

                break;
            case JsonArray elements:
                for (int index = 0; index < elements.Count; index++)
                {
                    int at = index;
                    foreach ((string path, Func<JsonNode, JsonNode?> find) in elements[at] is null ? [] : Leaves(elements[at]!))
                    {
                        yield return ($"{at}.{path}", root => find(root[at]!));
                    }
                }

                break;
            default:
                yield return (string.Empty, static root => root);
                break;
        }
    }

    /// <summary>The same value with a bit changed: in its first byte, in the middle and in the last.</summary>
    private static IEnumerable<JsonNode> Changes(JsonNode leaf)
    {
        switch (leaf.GetValueKind())
        {
            case System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False:
                yield return JsonValue.Create(!leaf.GetValue<bool>());
                break;
            case System.Text.Json.JsonValueKind.Number:
                yield return JsonValue.Create(leaf.GetValue<long>() + 1);
                break;
            default:
                string text = leaf.GetValue<string>();
                foreach (int at in new HashSet<int> { 0, text.Length / 2, text.Length - 1 })
                {
                    char other = text[at] switch { '0' => '1', '1' => '0', 'A' => 'B', '=' => 'A', _ => (char)(text[at] ^ 1) };
                    yield return JsonValue.Create($"{text[..at]}{other}{text[(at + 1)..]}");
                }

                break;
        }
    }

    private static string? Name(JsonNode? pages) => (string?)pages!["name"];

    private static void AssertFails(string[] command, params string[] checks)
    {
        CliResult result = CliRunner.Run(command);
        Assert.Equal(ExitCode.Failure, result.ExitCode);
        Assert.All(checks, check => Assert.Contains(check, result.Output, StringComparison.Ordinal));
    }

    private JsonObject ReadBundle() => JsonNode.Parse(File.ReadAllText(Bundle))!.AsObject();

    private JsonObject Launch(string sev, params string[] more)
    {
        CliResult run = new CliRunner { Machine = new MachineRunner() }.RunWith(
            [
                "run", "--memory", "64M", "--serial", "off", "--sev", $"simulated,kind=sev-snp,{sev}", "--launch-only",
                "--launch-bundle", Bundle, .. Files, .. more,
            ]);
        Assert.Equal((ExitCode.Success, string.Empty), (run.ExitCode, run.ExitCode == 0 ? string.Empty : run.Error));
        return ReadBundle();
    }

    /// <summary>Launches with everything that a launch can have, and makes the guest's report from nothing but bundle and files.</summary>
    private void LaunchWithIdBlockAndReport()
    {
        string model = _folder.File("psp");
        JsonObject first = Launch($"kernel-hashes=on,model={model}", "--cpus", "2");
        IdBlock block = IdBlock.Create(
            Convert.FromHexString((string)first["launchDigest"]!), SnpPolicy.Default, new byte[16], [.. HostData[..16]], 7);
        using ECDsa idKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa authorKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var authentication = IdAuthentication.Create(block, idKey, authorKey);
        File.WriteAllText(_folder.File("id-block"), block.ToString());
        File.WriteAllText(_folder.File("id-auth"), authentication.ToString());
        JsonObject bundle = Launch(
            $"kernel-hashes=on,model={model},id-block={_folder.File("id-block")},id-auth={_folder.File("id-auth")},author-key=on,"
                + $"host-data={Convert.ToBase64String(HostData)}",
            "--cpus", "2");
        OwnerDirectory.Succeed("platform", "export", "--out-dir", _folder.File("certs"), "--model", model);

        byte[][] saveAreas = [.. bundle["saveAreas"]!.AsArray().Select(static page => Convert.FromBase64String((string)page!))];
        using SoftwarePsp psp = SoftwarePsp.Open(model);
        using SoftwareSnpGuest guest = psp.CreateSnpGuest(() => saveAreas);
        guest.Initialize();
        guest.LaunchStart(new SnpLaunchStartRequest(SnpPolicy.Parse((string)bundle["policy"]!), default));
        var image = OvmfFirmware.Read(Firmware);
        byte[] hashPage = KernelHashes.Compute(Kernel, Initrd, CommandLine).ToTable().ToPage(image);
        foreach (JsonNode? pages in bundle["pages"]!.AsArray())
        {
            ulong gpa = ulong.Parse(((string)pages!["gpa"]!)[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            byte[] contents = (string?)pages["name"] switch
            {
                "firmware" => image.Image.ToArray(),
                "KERNEL_HASHES" => hashPage,
                _ => new byte[(int)pages["bytes"]!],
            };
            guest.SetPrivate(gpa, (ulong)contents.Length, isPrivate: true);
            guest.LaunchUpdate(
                new GuestPiece(gpa, 0, contents), Enum.Parse<SnpLaunchPageType>((string)pages["type"]!, ignoreCase: true));
        }

        guest.LaunchFinish(new SnpLaunchFinishRequest(
            block.Bytes.ToArray(), authentication.Bytes.ToArray(), HasAuthorKey: true, IsVcekDisabled: false, HostData));
        Assert.Equal((string?)bundle["launchDigest"], Convert.ToHexStringLower(guest.LaunchDigest));
        File.WriteAllBytes(_folder.File("report"), guest.GetReport(new byte[64], 0).Bytes.ToArray());
    }
}
