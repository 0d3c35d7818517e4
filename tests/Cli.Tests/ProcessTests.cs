using System.Diagnostics;

namespace KvmSevVmm.Cli.Tests;

/// <summary>The program as a process of its own: what only its real descriptors can show.</summary>
public sealed class ProcessTests
{
    // The published native executable differs in what the runtime holds open: KVMSEV_EXECUTABLE names it to test that one.
    private static readonly string Executable =
        Environment.GetEnvironmentVariable("KVMSEV_EXECUTABLE") ?? Path.Combine(AppContext.BaseDirectory, "kvmsev");

    [Fact]
    public void StandardOutput_Closed_IsAnIoError()
    {
        (int exitCode, string _, string error) = Shell("\"$KVMSEV\" --help >&-");

        Assert.Equal("kvmsev: cannot write the standard output: Bad file descriptor\n", error);
        Assert.Equal(74, exitCode);
    }

    [Fact]
    public void StandardOutput_Full_IsAnIoError()
    {
        (int exitCode, string _, string error) = Shell("\"$KVMSEV\" --help >/dev/full");

        Assert.Equal("kvmsev: cannot write the standard output: No space left on device\n", error);
        Assert.Equal(74, exitCode);
    }

    [Fact]
    public void StandardOutput_ReaderGone_IsQuiet()
    {
        // The reader ends at once and the program starts half a second later.
        (int _, string output, string error) = Shell("exec 4>&1; { sleep 0.5; \"$KVMSEV\" --help; echo $? >&4; } | true");

        Assert.Equal("141\n", output);
        Assert.Empty(error);
    }

    [Fact]
    public void StandardOutput_SharedWithOthers_IsAppendedTo()
    {
        using TempDirectory directory = new();

        Shell($"{{ echo first; \"$KVMSEV\" map --help; \"$KVMSEV\" rnu; echo last; }} > '{directory.File("out")}' 2>&1");

        string[] lines = File.ReadAllLines(directory.File("out"));
        Assert.Equal("first", lines[0]);
        Assert.Equal("Usage: kvmsev map VERB [OPTIONS]", lines[1]);
        Assert.Equal(["kvmsev: unknown verb 'rnu'", "  hint: did you mean 'run'?", "last"], lines[^3..]);
    }

    [Theory]
    [InlineData("show", "A", "--format", "html")]
    [InlineData("show", "A", "--format", "picture")]
    [InlineData("show", "A", "--format", "svg")]
    [InlineData("diff", "A", "A")]
    public async Task Map_Of64GiBOfAlternatingPages_TakesLessThan200MiB(params string[] arguments)
    {
        using TempDirectory directory = new();
        MapFiles.WriteAlternating64GiB(directory.File("A"));

        (int exitCode, string _, long peak) = await RunAndMeasure(
            ["map", .. arguments.Select(word => word == "A" ? directory.File(word) : word)]);

        Assert.Equal(0, exitCode);
        Assert.InRange(peak, 1, 200 * 1024);
    }

    /// <summary>Runs the program, and sees how large it becomes.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>Its exit code, its output, and the most memory it had, in KiB.</returns>
    internal static async Task<(int ExitCode, string Output, long PeakKiB)> RunAndMeasure(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Executable, arguments) { RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        long peak = 0;
        while (!process.WaitForExit(50))
        {
            peak = Math.Max(peak, PeakKiB(process.Id));
        }

        return (process.ExitCode, await output, peak);
    }

    [Theory]
    [InlineData("2>&-")]
    [InlineData("2>/dev/full")]
    [InlineData("<&- >&- 2>&-")]
    public void StandardError_Unusable_LeavesTheExitCode(string redirection) =>
        Assert.Equal(64, Shell($"\"$KVMSEV\" rnu {redirection}").ExitCode);

    [Fact]
    public void StandardOutput_Closed_IsNotTakenByAFile()
    {
        using TempDirectory directory = new();
        string log = directory.File("log");

        int exitCode = Shell($"\"$KVMSEV\" version --log-file '{log}' >&-").ExitCode;

        Assert.Equal(74, exitCode);
        Assert.Empty(File.ReadAllText(log));
    }

    [Fact]
    public void Terminal_GetsNoControlCharacters()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script(1) is not installed (package bsdutils)");

        (int _, string output, string _) = Shell("TERM=xterm script -qec '\"$KVMSEV\" rnu; \"$KVMSEV\" map' /dev/null </dev/null");

        Assert.StartsWith("kvmsev: unknown verb 'rnu'", output, StringComparison.Ordinal);
        Assert.DoesNotContain(output.ReplaceLineEndings("\n"), letter => char.IsControl(letter) && letter != '\n');
    }

    // 0 for a process that has just ended.
    private static long PeakKiB(int process)
    {
        try
        {
            string line = File.ReadLines($"/proc/{process}/status")
                .FirstOrDefault(static line => line.StartsWith("VmHWM:", StringComparison.Ordinal)) ?? "0 0 0";
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static (int ExitCode, string Output, string Error) Shell(string command)
    {
        using Process process = new()
        {
            StartInfo = new ProcessStartInfo("/bin/bash", ["-c", command])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["KVMSEV"] = Executable },
            },
        };
        process.Start();
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"still running after a minute: {command}");
        }

        return (process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }
}
