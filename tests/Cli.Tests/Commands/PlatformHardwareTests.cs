using System.Collections.Concurrent;
using System.Text.Json;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>
/// <c>platform</c> on a simulated SEV host: what it reads, what it changes, and every refusal of the kernel and the firmware. The host
/// keeps a change until it ends, so steps that belong together are one shell command on one host.
/// </summary>
public sealed class PlatformHardwareTests(PlatformHostFixture platform) : IClassFixture<PlatformHostFixture>, IDisposable
{
    private static readonly string[] Changing = ["PSP_FACTORY_RESET", "PSP_PEK_GEN", "PSP_PDH_GEN", "PSP_PEK_CERT_IMPORT"];

    /// <summary>Commands whose answer's length is asked first; INVALID_LEN is the answer to that.</summary>
    private static readonly string[] AskedForTheirLength = ["PSP_PEK_CSR", "PSP_PDH_CERT_EXPORT", "PSP_GET_ID2"];

    private readonly SevHostFixture _host = new();
    private readonly TempDirectory _folder = new();

    public static TheoryData<string, string> Verbs => new()
    {
        { "status", "PSP_PLATFORM_STATUS" },
        { "id", "PSP_GET_ID2" },
        { "export FILE", "PSP_PDH_CERT_EXPORT" },
        { "pek-csr FILE", "PSP_PEK_CSR" },
        { "import PEK OCA --yes", "PSP_PEK_CERT_IMPORT" },
        { "rotate --yes", "PSP_PDH_GEN" },
        { "rotate --pek --yes", "PSP_PEK_GEN" },
        { "reset --yes", "PSP_FACTORY_RESET" },
    };

    public void Dispose()
    {
        _folder.Dispose();
        _host.Dispose();
    }

    [Fact]
    public async Task StatusIdAndExport_AreThePlatformsOwn()
    {
        SevHostCommand status = await RunAsync("status", "--json");
        SevHostCommand id = await RunAsync("id", "--json");
        SevHostCommand export = await RunAsync("export", _folder.File("chain"));

        JsonElement told = JsonDocument.Parse(status.Output).RootElement;
        Assert.Equal(
            "hardware 1.55.25 initialized self",
            $"{told.GetProperty("mode")} {told.GetProperty("firmware")} {told.GetProperty("state")} {told.GetProperty("owner")}");
        Assert.True(told.GetProperty("snp").GetProperty("available").GetBoolean());
        Assert.Equal(
            Convert.ToHexStringLower(platform.Read("chip_id.bin")),
            JsonDocument.Parse(id.Output).RootElement.GetProperty("ids")[0].GetString());
        Assert.Equal(0, export.ExitCode);
        SevCertificateChain chain = SevCertificateChain.Read(_folder.File("chain"), out _);
        Assert.Equal(platform.Read("pdh.cert"), chain.Pdh.Bytes);
        Assert.Equal(platform.Read("pek.cert"), chain.Pek.Bytes);
        Assert.Equal(platform.Read("oca.cert"), chain.Oca.Bytes);
        Assert.True(chain.Cek.IsUnsigned);
        Assert.Equal(0, status.Violations + id.Violations + export.Violations);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("--pek", true)]
    public async Task Rotate_MakesNewKeys_AndTellsTheFingerprintOfTheNewPdh(string option, bool isPekNew)
    {
        string[] done = await ScriptAsync(
            $"$K platform export before; $K platform rotate {option} --yes --json > answer; $K platform export after; $K platform status");

        SevCertificateChain before = SevCertificateChain.Read(_folder.File("before"), out _);
        SevCertificateChain after = SevCertificateChain.Read(_folder.File("after"), out _);
        Assert.False(before.Pdh.Body.SequenceEqual(after.Pdh.Body));
        Assert.True(after.Pdh.IsSignedBy(after.Pek, out _));
        Assert.Equal(isPekNew, !before.Pek.Body.SequenceEqual(after.Pek.Body));
        Assert.True(after.Pek.IsSignedBy(after.Oca, out _) && after.Pek.IsSignedBy(after.Cek, out _));
        Assert.Equal(before.Cek.Body, after.Cek.Body);
        JsonElement answer = JsonDocument.Parse(File.ReadAllText(_folder.File("answer"))).RootElement;
        Assert.Equal(
            (isPekNew ? "PEK_GEN" : "PDH_GEN", Convert.ToHexStringLower(after.Pdh.GetFingerprint())),
            (answer.GetProperty("done").GetString(), answer.GetProperty("pdhFingerprint").GetString()));
        Assert.Contains("owner:    self", done);
    }

    [Fact]
    public async Task Import_TakesThePlatformOver_OnlyOnce_UntilItIsReset()
    {
        string[] done = await ScriptAsync(
            $"$K platform import {platform.Pek} {platform.Oca} --yes; $K platform status; $K platform export owned; "
            + $"$K platform import {platform.Pek} {platform.Oca} --yes 2>again; echo code $?; "
            + "$K platform reset --yes; $K platform status; $K platform export reset");

        Assert.Equal(
            ["owner:           external", "owner:    external", "code 69", "done:     FACTORY_RESET", "owner:    self"],
            done.Where(static line => line.StartsWith("owner:", StringComparison.Ordinal)
                || line.StartsWith("code ", StringComparison.Ordinal) || line.StartsWith("done:", StringComparison.Ordinal)));
        Assert.Contains(
            "SEV_PEK_CERT_IMPORT failed: EIO (5), firmware ALREADY_OWNED (0x05)",
            File.ReadAllText(_folder.File("again")),
            StringComparison.Ordinal);
        SevCertificateChain owned = SevCertificateChain.Read(_folder.File("owned"), out _);
        SevCertificateChain reset = SevCertificateChain.Read(_folder.File("reset"), out _);
        Assert.Equal(File.ReadAllBytes(platform.Oca), owned.Oca.Bytes);
        Assert.True(owned.Pek.IsSignedBy(owned.Oca, out _) && owned.Pek.IsSignedBy(owned.Cek, out _));
        Assert.True(owned.Pdh.IsSignedBy(owned.Pek, out _));
        Assert.Contains("state:    uninitialized", done);
        Assert.False(owned.Oca.Body.SequenceEqual(reset.Oca.Body) || owned.Pek.Body.SequenceEqual(reset.Pek.Body));
    }

    [Theory]
    [InlineData("rotate")]
    [InlineData("rotate --pek")]
    [InlineData("reset")]
    [InlineData("import PEK OCA")]
    public async Task WithoutConfirmation_TheFirmwareIsNotAsked(string verb)
    {
        SevHostCommand run = await RunAsync(Arguments(verb));

        Assert.Equal((ExitCode.Usage, string.Empty), (run.ExitCode, run.Output));
        Assert.EndsWith("nothing was done\n  hint: add --yes if that is what you want\n", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, Changing.Sum(run.Count));
    }

    [Fact]
    public async Task WhileAGuestIsThere_NothingButThePdhIsChanged()
    {
        string kernel = SevHostFixture.WriteKernel(_folder.File("tiny.elf"));
        string[] done = await ScriptAsync(
            $"$K run --kernel {kernel} --memory 64M --serial off --sev sev --api-socket socket --wait-for-owner --timeout 60s 2>guest & "
            + "until grep -q waiting guest 2>/dev/null; do kill -0 $! || exit 1; sleep 0.02; done; "
            + "$K platform status; "
            + "$K platform reset --yes 2>reset; echo reset $?; "
            + "$K platform rotate --pek --yes 2>pek; echo pek $?; "
            + $"$K platform import {platform.Pek} {platform.Oca} --yes 2>import; echo import $?; "
            + "$K platform rotate --yes; echo pdh $?; "
            + "kill -TERM $!; wait $!; echo guest $?");

        Assert.Equal(
            ["reset 69", "pek 69", "import 69", "pdh 0", "guest 143"],
            done.Where(static line => line.Split(' ') is [not "", { Length: <= 3 }]));
        Assert.Contains("state:    working", done);
        Assert.Contains("guests:   1", done);
        Assert.StartsWith(
            "kvmsev: SEV_FACTORY_RESET failed: EBUSY (16)\n  hint: SEV guests are running: end them first.",
            Text("reset"),
            StringComparison.Ordinal);
        const string Refused = "failed: EIO (5), firmware INVALID_PLATFORM_STATE (0x01)";
        Assert.Contains($"SEV_PEK_GEN {Refused}", Text("pek"), StringComparison.Ordinal);
        Assert.Contains($"SEV_PEK_CERT_IMPORT {Refused}", Text("import"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task EveryRefusal_IsNamed_AndChangesNothing(string verb, string command)
    {
        SevFailure[] failures =
        [
            .. RefusalRule.ErrorNumbers.Append("EPERM").Select(errno => new SevFailure(command, 1, errno)),
            new SevFailure(command, 1, "EBUSY", RefusalRule.NotCalled),
            .. RefusalRule.FirmwareStatuses.Select(status =>
                new SevFailure(command, status == 0x04 && AskedForTheirLength.Contains(command) ? 2 : 1, "EIO", status)),
        ];
        var wrong = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(
            failures,
            new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken },
            async (failure, _) =>
            {
                string file = _folder.File(Guid.NewGuid().ToString("N"));
                SevHostCommand run = await RunWithAsync(failure, Arguments(verb, file));
                List<string> problems = [.. RefusalRule.ProblemsOf(failure, run.ExitCode, run.Error)];
                bool isClean = run is { Injected: 1, Violations: 0, Output: "" } && !File.Exists(file);
                bool asksForMore = Changing.Sum(run.Count) != (Changing.Contains(command) ? 1 : 0);
                problems.AddRange(isClean ? [] : [$"{run.Injected} injected, {run.Violations} violations, a file or output: {run.Output}"]);
                problems.AddRange(asksForMore ? ["more was changed"] : []);
                problems.ForEach(problem => wrong.Enqueue($"--fail {failure}: {problem}"));
            });

        Assert.True(failures.Length > 60);
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Rotate_WhoseNewKeyCannotBeExported_SaysThatTheOldOneIsGone()
    {
        SevHostCommand run = await RunWithAsync(new SevFailure("PSP_PDH_CERT_EXPORT", 2, "EIO", 0x13), "rotate", "--yes", "--json");

        JsonElement answer = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal((ExitCode.Success, "PDH_GEN"), (run.ExitCode, answer.GetProperty("done").GetString()));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("pdhFingerprint").ValueKind);
        Assert.Contains("The new keys are made, but cannot be exported: SEV_PDH_CERT_EXPORT failed", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_WhereSnpIsRefused_IsAnAnswerAllTheSame()
    {
        SevHostCommand run = await RunWithAsync(new SevFailure("PSP_SNP_PLATFORM_STATUS", 1, "EIO", 0x20), "status", "--json");

        JsonElement snp = JsonDocument.Parse(run.Output).RootElement.GetProperty("snp");
        Assert.Equal((ExitCode.Success, string.Empty), (run.ExitCode, run.Error));
        Assert.False(snp.GetProperty("available").GetBoolean());
        Assert.Contains("firmware RMP_INIT_REQUIRED (0x20)", snp.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    private Task<SevHostCommand> RunAsync(params string[] arguments) =>
        _host.ExecuteAsync(platform.Host, [SevHostFixture.Monitor, "platform", .. arguments]);

    private Task<SevHostCommand> RunWithAsync(SevFailure failure, params string[] arguments) =>
        _host.ExecuteAsync($"{platform.Host} --fail {failure}", [SevHostFixture.Monitor, "platform", .. arguments]);

    /// <summary>Several commands on one host, in this test's directory; K is the monitor.</summary>
    private async Task<string[]> ScriptAsync(string script)
    {
        SevHostCommand run = await _host.ExecuteAsync(
            $"{platform.Host} --c-bit-alias", "sh", "-c", $"cd {_folder.Root} && K={SevHostFixture.Monitor} && {{ {script}; }}");
        Assert.Equal((0, string.Empty, 0), (run.ExitCode, run.Error, run.Violations));
        return run.Output.Split('\n');
    }

    private string[] Arguments(string verb, string file = "none") =>
    [
        .. verb.Split(' ').Select(word => word switch { "FILE" => file, "PEK" => platform.Pek, "OCA" => platform.Oca, _ => word }),
    ];

    private string Text(string name) => File.ReadAllText(_folder.File(name));
}
