using System.Diagnostics;

namespace KvmSevVmm.Cli.Tests.Commands.Measure;

/// <summary>
/// libvirt's virt-qemu-sev-validate, of Debian's package libvirt-clients-qemu; a test that needs it is skipped, visibly, without it.
/// </summary>
internal static class SevValidate
{
    // By Debian's own Python, for whose packages it is made.
    private const string Python = "/usr/bin/python3";
    private const string Program = "/usr/bin/virt-qemu-sev-validate";

    /// <summary>Exit code: the measurement is what it must be.</summary>
    internal const int Accepted = 0;

    /// <summary>Exit code: it is another.</summary>
    internal const int Refused = 1;

    /// <summary>Skips the test where the program is not installed, or lacks a library.</summary>
    internal static void Require()
    {
        Assert.SkipUnless(File.Exists(Program), $"no {Program}: Debian's package libvirt-clients-qemu is not installed");
        (int exitCode, string error) = Run("--help");
        Assert.SkipUnless(exitCode == 0, $"{Program} does not start: {error.Trim().Split('\n')[^1]}");
    }

    /// <summary>Runs the program.</summary>
    internal static (int ExitCode, string Error) Run(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Python, [Program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string error = process.StandardError.ReadToEnd();
        _ = output.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
