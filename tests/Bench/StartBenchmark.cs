using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Iced.Intel;
using KvmSevVmm.TestSupport;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.Bench;

/// <summary>
/// The whole process, from its start to its end, for a guest that ends with its first instruction: no less than process start to first
/// KVM_RUN.
/// </summary>
internal static class StartBenchmark
{
    private const int Runs = 40;
    private const double CpuLimitMs = 30;
    private const double MemoryLimitMiB = 20;
    private const double TicksPerSecond = 100; // USER_HZ
    private const byte ExitPort = 0xF4;

    /// <summary>Runs the benchmark.</summary>
    /// <param name="kvmsev">The program.</param>
    /// <param name="report">Where the figures go.</param>
    public static void Run(string kvmsev, Report report)
    {
        string folder = Directory.CreateTempSubdirectory("kvmsev-bench-").FullName;
        try
        {
            string kernel = Path.Combine(folder, "tiny.elf");
            string result = Path.Combine(folder, "result.json");
            File.WriteAllBytes(kernel, TinyKernel.Create(static (Assembler c) =>
            {
                c.mov(al, 0);
                c.@out(ExitPort, al);
                c.hlt();
            }));
            double before = ReadChildTicks();
            for (int i = 0; i < Runs; i++)
            {
                RunOnce(kvmsev, kernel, result);
            }

            double milliseconds = (ReadChildTicks() - before) / TicksPerSecond * 1000 / Runs;
            report.Add("start to end, 512 MiB guest, CPU time", milliseconds, CpuLimitMs, "ms", $"mean of {Runs} runs, user and system");
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(result));
            double bytes = document.RootElement.GetProperty("peakRssBytes").GetDouble();
            report.Add("monitor's memory beside the guest's", bytes / 1048576, MemoryLimitMiB, "MiB", "peak resident");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void RunOnce(string kvmsev, string kernel, string result)
    {
        var start = new ProcessStartInfo(
            kvmsev,
            [
                "run", "--kernel", kernel, "--memory", "512M", "--debug-exit", "0xf4", "--serial", "off", "--timeout", "20s", "--quiet",
                "--result", result,
            ])
        {
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{kvmsev} does not start");
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 1)
        {
            throw new InvalidOperationException($"{kvmsev} ended with {process.ExitCode}, not with the guest's code: {error}");
        }
    }

    /// <summary>User and system time of ended children, in clock ticks: fields 16 and 17 of /proc/self/stat.</summary>
    private static double ReadChildTicks()
    {
        string stat = File.ReadAllText("/proc/self/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return double.Parse(fields[13], CultureInfo.InvariantCulture) + double.Parse(fields[14], CultureInfo.InvariantCulture);
    }
}
