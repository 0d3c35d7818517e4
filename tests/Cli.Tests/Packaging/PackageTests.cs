using System.Diagnostics;

namespace KvmSevVmm.Cli.Tests.Packaging;

/// <summary>What scripts/package.sh makes, installed into a directory; and the systemd unit.</summary>
public sealed class PackageTests : IDisposable
{
    private const string NativeProgram = "KVMSEV_TEST_PROGRAM";

    private static readonly string[] InstalledFiles =
    [
        "etc/kvmsev/", "lib/systemd/system/kvmsev@.service", "usr/bin/kvmsev -> ../lib/kvmsev/kvmsev", "usr/lib/kvmsev/kvmsev",
        "usr/lib/kvmsev/libMonoPosixHelper.so", "usr/share/bash-completion/completions/kvmsev", "usr/share/doc/kvmsev/changelog.gz",
        "usr/share/doc/kvmsev/copyright", "usr/share/fish/vendor_completions.d/kvmsev.fish", "usr/share/man/man1/kvmsev.1.gz",
        "usr/share/zsh/vendor-completions/_kvmsev",
    ];

    private readonly TempDirectory _directory = new();

    private static string Repository { get; } = FindRepository();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void DebianPackage_Installs_Runs_AndIsReproducible()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/dpkg-deb"), "dpkg-deb is not installed (Debian package dpkg)");
        string? program = Environment.GetEnvironmentVariable(NativeProgram);
        Assert.SkipWhen(string.IsNullOrEmpty(program), $"{NativeProgram} does not name the native program (scripts/build.sh)");
        string package = MakeDeb(program, "once");

        string contents = Run("dpkg-deb", "--contents", package);
        Assert.All(InstalledFiles, file => Assert.Contains($" ./{file}\n", contents, StringComparison.Ordinal));
        Assert.All(contents.TrimEnd('\n').Split('\n'), static line => Assert.Contains(" root/root ", line, StringComparison.Ordinal));
        string version = CliVersion();
        string information = Run("dpkg-deb", "--info", package);
        Assert.Contains("\n Package: kvmsev\n", information, StringComparison.Ordinal);
        Assert.Contains($"\n Version: {version}\n", information, StringComparison.Ordinal);
        Assert.Contains("\n Architecture: amd64\n", information, StringComparison.Ordinal);

        string root = _directory.File("root");
        Run("dpkg-deb", "--extract", package, root);
        Assert.StartsWith($"kvmsev {version}", Run(Path.Combine(root, "usr/bin/kvmsev"), "--version"), StringComparison.Ordinal);
        Assert.Equal(
            CliRunner.Run("completion", "bash").Output,
            File.ReadAllText(Path.Combine(root, "usr/share/bash-completion/completions/kvmsev")));
        Assert.Equal(CliRunner.Run("man").Output, Run("zcat", Path.Combine(root, "usr/share/man/man1/kvmsev.1.gz")));
        Assert.Equal(File.ReadAllBytes(package), File.ReadAllBytes(MakeDeb(program, "twice")));
    }

    [Fact]
    public void DotnetTool_Installs_AndRuns()
    {
        Run(Path.Combine(Repository, "scripts/package.sh"), "--out", _directory.File("packages"), "tool");

        Run(
            "dotnet", "tool", "install", "KvmSevVmm.Tool", "--version", CliVersion(), "--add-source", _directory.File("packages"),
            "--tool-path", _directory.File("tool"));

        Assert.StartsWith($"kvmsev {CliVersion()}", Run(_directory.File("tool/kvmsev"), "--version"), StringComparison.Ordinal);
    }

    [Fact]
    public void Unit_IsUnderstoodBySystemd_AndHardened()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "systemd-analyze is not installed (Debian package systemd)");
        // systemd looks for the program and the manual page: these are elsewhere here.
        string unit = File.ReadAllText(Path.Combine(Repository, "packaging/kvmsev@.service"))
            .Replace("/usr/bin/kvmsev", "/bin/true", StringComparison.Ordinal)
            .Replace("Documentation=man:kvmsev(1)\n", string.Empty, StringComparison.Ordinal);
        File.WriteAllText(_directory.File("kvmsev@.service"), unit);

        Assert.Empty(Run("systemd-analyze", "verify", _directory.File("kvmsev@.service")));
        // systemd's own measure, from 0 to 10, in tenths.
        Run("systemd-analyze", "security", "--offline=true", "--threshold=20", _directory.File("kvmsev@.service"));
    }

    [Fact]
    public void Unit_CommandLine_IsOneThatKvmsevTakes()
    {
        string unit = File.ReadAllText(Path.Combine(Repository, "packaging/kvmsev@.service"))
            .Replace("\\\n", string.Empty, StringComparison.Ordinal);
        string command = unit.Split('\n').Single(static line => line.StartsWith("ExecStart=", StringComparison.Ordinal));
        string[] words =
        [
            .. command.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]
                .Where(static word => word != "$KVMSEV_ARGS")
                .Select(word => word.Replace("%t/kvmsev/%i", _directory.Root, StringComparison.Ordinal)
                    .Replace("%S/kvmsev/%i", _directory.Root, StringComparison.Ordinal)),
        ];

        CliResult result = CliRunner.Run([.. words, "--kernel", _directory.Kernel, "--sev", "simulated", "--dry-run"]);

        Assert.Empty(result.Error);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"{_directory.Root}/qmp.sock", string.Join(' ', words), StringComparison.Ordinal);
    }

    private static string CliVersion() =>
        System.Text.Json.JsonDocument.Parse(new CliRunner { KvmApiVersion = static _ => 12 }.RunWith("version", "--json").Output)
            .RootElement.GetProperty("version").GetString()!;

    private static string FindRepository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KvmSevVmm.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests do not run inside the repository");
    }

    private static string Run(string program, params string[] arguments)
    {
        ProcessStartInfo how = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_NOLOGO"] = "1", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" },
        };
        using Process process = Process.Start(how)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(TimeSpan.FromMinutes(4)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} still runs after four minutes");
        }

        string words = error.GetAwaiter().GetResult();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {process.ExitCode}\n{words}");
        return output.GetAwaiter().GetResult() + (program == "systemd-analyze" && arguments[0] == "verify" ? words : string.Empty);
    }

    private string MakeDeb(string program, string name) =>
        Run(Path.Combine(Repository, "scripts/package.sh"), "--program", program, "--out", _directory.File(name), "deb").Trim();
}
