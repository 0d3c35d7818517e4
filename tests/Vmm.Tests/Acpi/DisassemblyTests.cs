using System.Diagnostics;
using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Tests.Boot;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Acpi;

/// <summary>What Intel's own tool makes of the tables (Debian: acpica-tools).</summary>
public sealed class DisassemblyTests
{
    private const string Tool = "/usr/bin/iasl";

    [Theory]
    [InlineData(1, false)]
    [InlineData(64, true)]
    public void EveryTable_IsDisassembledWithoutAnError(int vcpuCount, bool isCrowded)
    {
        Assert.SkipUnless(File.Exists(Tool), "iasl is not installed (Debian: acpica-tools)");
        using TempDirectory directory = new();
        IReadOnlyList<AcpiDevice> devices = isCrowded ? AcpiSamples.Crowded() : AcpiSamples.Platform;
        AcpiImage image = new(AcpiSamples.Place(vcpuCount, devices), AcpiSamples.Address);

        foreach ((string signature, byte[] table) in image.Tables)
        {
            string file = directory.Write($"{signature}.dat", table);
            (int exitCode, string words) = Run("-d", file);
            Assert.True(exitCode == 0, words);
            Assert.DoesNotContain("error", words, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("warning", words, StringComparison.OrdinalIgnoreCase);
            string text = File.ReadAllText(Path.ChangeExtension(file, "dsl"));
            Assert.DoesNotContain("Invalid", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("Unknown", text, StringComparison.OrdinalIgnoreCase);
        }

        string dsdt = File.ReadAllText(Path.Combine(directory.Path, "DSDT.dsl"));
        Assert.Contains("Notify (PWRB, 0x80)", dsdt, StringComparison.Ordinal);
        Assert.Contains("EisaId (\"PNP0501\")", dsdt, StringComparison.Ordinal);
        Assert.Equal(isCrowded ? 18 : 0, dsdt.Split("\"LNRO0005\"").Length - 1);
    }

    [Fact]
    public void Dsdt_CompilesAgainWithoutAnErrorOrAWarning()
    {
        Assert.SkipUnless(File.Exists(Tool), "iasl is not installed (Debian: acpica-tools)");
        using TempDirectory directory = new();
        AcpiImage image = new(AcpiSamples.Place(2, AcpiSamples.Crowded()), AcpiSamples.Address);
        string file = directory.Write("DSDT.dat", image["DSDT"]);
        Assert.Equal(0, Run("-d", file).ExitCode);

        (int exitCode, string words) = Run("-oa", Path.ChangeExtension(file, "dsl"));

        Assert.True(exitCode == 0, words);
        Assert.Contains("0 Errors, 0 Warnings", words, StringComparison.Ordinal);
    }

    private static (int ExitCode, string Words) Run(params string[] arguments)
    {
        ProcessStartInfo start = new(Tool, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
