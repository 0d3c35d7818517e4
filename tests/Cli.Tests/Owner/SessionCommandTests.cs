using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Tests;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary><c>session create</c> and <c>session inspect</c>.</summary>
public sealed class SessionCommandTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly OwnerDirectory _owner = new();

    public void Dispose() => _owner.Dispose();

    [Fact]
    public void Create_MakesSevctlsFiles_ReadableByTheOwnerAlone()
    {
        _owner.MakeSession();

        foreach (string name in (string[])["vm_tek.bin", "vm_tik.bin", "vm_godh.b64", "vm_session.b64"])
        {
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(_owner.File(name)));
        }

        Assert.Equal(16, new FileInfo(_owner.File("vm_tek.bin")).Length);
        Assert.Equal(16, new FileInfo(_owner.File("vm_tik.bin")).Length);
        Assert.Equal(BlobEncoding.Base64, EncodedBlob.ReadFile(_owner.File("vm_session.b64"), "session", SessionBlob.Size).Encoding);
        Assert.Equal(SevKeyUsage.Pdh, SevCertificate.Read(_owner.File("vm_godh.b64"), out _).Usage);
    }

    [Fact]
    public void Create_Raw_GivesTheHostRawFiles()
    {
        OwnerDirectory.Succeed("platform", "export", "--out-dir", _owner.File("certs"), "--model", _owner.Model);
        OwnerDirectory.Succeed(
            "session", "create", _owner.File("certs"), "--policy", "nodbg", "--name", _owner.File("r"), "--raw", "--allow-simulated");

        Assert.Equal(2084, new FileInfo(_owner.File("r_godh.cert")).Length);
        Assert.Equal(128, new FileInfo(_owner.File("r_session.bin")).Length);
    }

    [Fact]
    public void Create_ForAModel_IsRefusedUnlessAllowed()
    {
        OwnerDirectory.Succeed("platform", "export", _owner.File("chain"), "--full", "--model", _owner.Model);

        CliResult result = CliRunner.Run("session", "create", _owner.File("chain"), "--policy", "3", "--name", _owner.File("vm"));

        Assert.Equal(1, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("FAIL        ark.pinned: the root key", result.Error, StringComparison.Ordinal);
        Assert.Contains("--allow-simulated", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_owner.File("vm_tek.bin")));
    }

    [Fact]
    public void Create_ForAChainWithoutItsAuthority_IsRefusedAndSaysWhatIsMissing()
    {
        OwnerDirectory.Succeed("platform", "export", _owner.File("chain"), "--model", _owner.Model);

        CliResult result = CliRunner.Run(
            "session", "create", _owner.File("chain"), "--policy", "3", "--name", _owner.File("vm"), "--allow-simulated");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("NOT CHECKED ark.pinned", result.Error, StringComparison.Ordinal);
        Assert.Contains("hint: --ask-ark FILE", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x05)]
    [InlineData(0x900)]
    [InlineData(0x1400)]
    [InlineData(0x1970)]
    public void Create_ForAChangedChain_IsRefused(int offset)
    {
        OwnerDirectory.Succeed("platform", "export", _owner.File("chain"), "--full", "--model", _owner.Model);
        byte[] chain = File.ReadAllBytes(_owner.File("chain"));
        chain[offset] ^= 0x10;
        File.WriteAllBytes(_owner.File("chain"), chain);

        CliResult result = CliRunner.Run(
            "session", "create", _owner.File("chain"), "--policy", "3", "--name", _owner.File("vm"), "--allow-simulated");

        Assert.Contains(result.ExitCode, (int[])[1, 65]);
        Assert.False(File.Exists(_owner.File("vm_tek.bin")));
    }

    [Fact]
    public void Create_ForAmdsRealChain_IsVerifiedUpToThePinnedRoot()
    {
        // The real Naples platform of virtee/sev; its root came without a signature of its own at first.
        string chain = Vectors.Path("virtee-sev/chain/naples");
        string authority = _owner.File("ask_ark.cert");
        File.WriteAllBytes(
            authority, [.. Vectors.Bytes("virtee-sev/ca/naples/ask.cert"), .. Vectors.Bytes("virtee-sev/ca/naples/ark.cert.bad")]);

        CliResult result = OwnerDirectory.Succeed(
            "session", "create", chain, "--ask-ark", authority, "--policy", "1", "--name", _owner.File("vm"), "--json");

        JsonElement root = JsonDocument.Parse(result.Output).RootElement;
        Assert.False(root.GetProperty("simulated").GetBoolean());
        Assert.StartsWith("AMD Naples root key", root.GetProperty("root").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Create_ForAPdhAlone_NeedsTheWordUnverified()
    {
        string pdh = Vectors.Path("amd-sev-tool/session/s_00/pdh.cert");

        Assert.Equal(1, CliRunner.Run("session", "create", pdh, "--policy", "3", "--name", _owner.File("vm")).ExitCode);
        CliResult result = OwnerDirectory.Succeed(
            "session", "create", pdh, "--policy", "3", "--name", _owner.File("vm"), "--unverified");

        Assert.Contains("root:             NOT CHECKED", result.Output, StringComparison.Ordinal);
        Assert.Contains("NOT CHECKED: who holds the PDH's private key", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_KeepsOldKeys_UnlessForced()
    {
        _owner.MakeSession();
        byte[] old = File.ReadAllBytes(_owner.File("vm_tek.bin"));
        string[] create =
        [
            "session", "create", _owner.File("platform.chain"), "--policy", "3", "--name", _owner.File("vm"), "--allow-simulated",
        ];

        CliRunner.Run(create).AssertFailure(
            64, $"--name: '{_owner.File("vm_tek.bin")}' exists", "take another name, or --force if its keys are no longer needed");
        Assert.Equal(old, File.ReadAllBytes(_owner.File("vm_tek.bin")));
        OwnerDirectory.Succeed([.. create, "--force"]);
        Assert.NotEqual(old, File.ReadAllBytes(_owner.File("vm_tek.bin")));
    }

    [Fact]
    public void Create_WithReservedPolicyBits_IsUsage() =>
        CliRunner.Run("session", "create", "x", "--policy", "0x40").AssertFailure(
            64, "--policy: Bits 6 to 15 are reserved and must be zero, here they are 0x1", "the firmware would refuse it");

    [Theory]
    [InlineData("s_00", "0x0", "0x3f")]
    [InlineData("s_3f", "0x3f", "0x3e")]
    [InlineData("s_05_godh_y_top_zero", "5", "7")]
    public void Inspect_SevToolsSessions_KnowTheirPolicy(string name, string policy, string other)
    {
        string[] inspect =
        [
            "session", "inspect", Vectors.Path($"amd-sev-tool/session/{name}/launch_blob.bin"),
            "--tk", Vectors.Path($"amd-sev-tool/session/{name}/tmp_tk.bin"),
            "--godh", Vectors.Path($"amd-sev-tool/session/{name}/godh.cert"),
        ];

        Assert.Contains(
            "PASS        session.policy-mac", OwnerDirectory.Succeed([.. inspect, "--policy", policy]).Output, StringComparison.Ordinal);
        Assert.Contains("PASS        session.policy-mac", OwnerDirectory.Succeed(inspect).Output, StringComparison.Ordinal);
        CliResult refused = CliRunner.Run([.. inspect, "--policy", other]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("FAIL        session.policy-mac", refused.Output, StringComparison.Ordinal);
    }
}
