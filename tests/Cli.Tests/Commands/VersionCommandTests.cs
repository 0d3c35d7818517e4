using System.Text.Json;

namespace KvmSevVmm.Cli.Tests.Commands;

public sealed class VersionCommandTests
{
    [Fact]
    public void Version_Text_NamesProgramRuntimeAndKvm()
    {
        CliResult result = new CliRunner { KvmApiVersion = path => path == "/dev/kvm" ? 12 : -1 }.RunWith("version");

        Assert.Equal(0, result.ExitCode);
        Assert.Empty(result.Error);
        Assert.Matches(
            @"\Akvmsev \d+\.\d+\.\d+( \(commit [0-9a-f]{12}\))?\nruntime: \.NET 10\.\d+\.\d+ \(jit\)\n"
                + @"system:  .*Linux \d+\..*\nkvm:     /dev/kvm: API version 12\n\z",
            result.Output);
    }

    [Fact]
    public void VersionOption_IsShortForTheVerb()
    {
        CliRunner runner = new() { KvmApiVersion = _ => 12 };

        Assert.Equal(runner.RunWith("version").Output, runner.RunWith("--version").Output);
        Assert.Equal(runner.RunWith("version", "--json").Output, runner.RunWith("--version", "--json").Output);
    }

    [Fact]
    public void Version_Json_HasTheSchema()
    {
        CliResult result = new CliRunner { KvmApiVersion = _ => 12 }.RunWith("version", "--json", "--kvm", "/dev/other");

        JsonElement root = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal("kvmsev.version/1", root.GetProperty("schema").GetString());
        Assert.Equal("kvmsev", root.GetProperty("program").GetString());
        Assert.Equal("jit", root.GetProperty("compilation").GetString());
        Assert.Equal("/dev/other", root.GetProperty("kvm").GetProperty("path").GetString());
        Assert.Equal(12, root.GetProperty("kvm").GetProperty("apiVersion").GetInt32());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("kvm").GetProperty("error").ValueKind);
    }

    [Fact]
    public void Version_KvmDoesNotOpen_IsSaidAndNoError()
    {
        CliRunner runner = new() { KvmApiVersion = _ => throw new UnauthorizedAccessException("no way\nin") };

        CliResult text = runner.RunWith("version");
        CliResult json = runner.RunWith("version", "--json");

        Assert.Equal(0, text.ExitCode);
        Assert.EndsWith("kvm:     /dev/kvm: not usable: no way\\x0ain\n", text.Output, StringComparison.Ordinal);
        Assert.Equal("no way\nin", JsonDocument.Parse(json.Output).RootElement.GetProperty("kvm").GetProperty("error").GetString());
    }
}
