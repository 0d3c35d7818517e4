using System.Diagnostics;
using System.Text;

namespace KvmSevVmm.Lab.Tests;

/// <summary>Runs commands inside the laboratory: QEMU's TCG with a real kvm_amd, by scripts/lab.sh.</summary>
internal static class Laboratory
{
    /// <summary>lab.sh's exit code for a laboratory that ended before its command.</summary>
    private const int LaboratoryFailed = 125;

    /// <summary>QEMU 7.2's TCG, seen once in a CI run: an interrupt raised without its lock.</summary>
    private const string EmulatorAssertion = "tcg_handle_interrupt: assertion failed";

    /// <summary>How long a script may take.</summary>
    private static readonly TimeSpan ScriptLimit = TimeSpan.FromSeconds(560);

    /// <summary>Why there is no laboratory here, or null.</summary>
    /// <param name="artifacts">What must have been built.</param>
    public static string? SkipReason(params ReadOnlySpan<string> artifacts)
    {
        foreach (string artifact in artifacts)
        {
            if (!File.Exists(Repository.Artifact(artifact)))
            {
                return $"artifacts/{artifact} is not built; scripts/build.sh builds it";
            }
        }

        bool hasQemu = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(':')
            .Any(static folder => File.Exists(Path.Combine(folder, "qemu-system-x86_64")));
        return hasQemu ? null : "qemu-system-x86_64 is not installed";
    }

    /// <summary>A file of the guest that the scripts boot.</summary>
    /// <param name="name"><c>kernel</c> or <c>initramfs</c>.</param>
    public static string GuestImage(string name)
    {
        LabOutput image = Run("scripts/guest-image.sh", ["--print", name], TimeSpan.FromSeconds(600));
        Assert.True(image.ExitCode == 0, image.Error);
        return image.Output.Trim();
    }

    /// <summary>Compiles one of the C programs beside these tests, static, so that it runs in any guest.</summary>
    /// <param name="name">Its name, without <c>.c</c>.</param>
    /// <param name="folder">Where the program goes.</param>
    /// <returns>The program's path.</returns>
    public static string Compile(string name, string folder)
    {
        string program = Path.Combine(folder, name);
        LabOutput compiler = Run(
            "/usr/bin/gcc",
            ["-O2", "-static", "-o", program, Path.Combine(Repository.Root, "tests", "Lab.Tests", $"{name}.c")],
            TimeSpan.FromSeconds(100));
        Assert.True(compiler.ExitCode == 0, compiler.Error);
        return program;
    }

    /// <summary>
    /// Runs a script with the given arguments and returns what it printed. A laboratory whose emulator failed an assertion of
    /// its own is started once more, with a warning that the test's report shows: that is no answer to what the test asks.
    /// </summary>
    /// <param name="script">The script, relative to the repository.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="timeout">The longest it may take; lab.sh ends itself well before it.</param>
    public static LabOutput Run(string script, IEnumerable<string> arguments, TimeSpan timeout)
    {
        string[] words = [.. arguments];
        LabOutput output = RunOnce(script, words, timeout);
        if (output.ExitCode != LaboratoryFailed || !output.Error.Contains(EmulatorAssertion, StringComparison.Ordinal))
        {
            return output;
        }

        TestContext.Current.AddWarning($"QEMU failed its assertion ({EmulatorAssertion}); the laboratory was started once more");
        return RunOnce(script, words, timeout);
    }

    /// <summary>Has one of <c>Scripts/</c> boot guests in the laboratory, and asserts that it ends well.</summary>
    /// <param name="script">The script's name. It finds the test guest's kernel and initramfs as /in/vmlinuz and /in/initramfs.</param>
    /// <param name="folder">A folder of the test's own; what the script leaves in /out comes back to <c>out</c> in it.</param>
    /// <param name="options">More options of lab.sh.</param>
    /// <returns>What the script printed.</returns>
    public static LabOutput RunScript(string script, string folder, params IEnumerable<string> options)
    {
        string kernel = Path.Combine(folder, "vmlinuz");
        string initramfs = Path.Combine(folder, "initramfs");
        File.Copy(GuestImage("kernel"), kernel);
        File.Copy(GuestImage("initramfs"), initramfs);
        LabOutput run = Run(
            "scripts/lab.sh",
            [
                "--file", kernel, "--file", initramfs, "--file", Path.Combine(AppContext.BaseDirectory, "Scripts", script),
                "--out", Path.Combine(folder, "out"), "--timeout", $"{ScriptLimit.TotalSeconds}", .. options, "--", "sh", $"/in/{script}",
            ],
            ScriptLimit + TimeSpan.FromSeconds(40));
        Assert.True(run.ExitCode == 0, $"{run.Output}\n{run.Error}");
        return run;
    }

    private static LabOutput RunOnce(string script, string[] arguments, TimeSpan timeout)
    {
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, script))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{script} does not start");
        process.StandardInput.Close();
        var error = new StringBuilder();
        process.ErrorDataReceived += (_, line) => error.AppendLine(line.Data);
        process.BeginErrorReadLine();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(timeout))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{script} took more than {timeout.TotalSeconds} s\n{error}");
        }

        process.WaitForExit();
        return new LabOutput(process.ExitCode, output.Result, error.ToString());
    }
}

/// <summary>What a command in the laboratory printed.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
internal sealed record LabOutput(int ExitCode, string Output, string Error);
