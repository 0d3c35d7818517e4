using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;
using Serilog.Core;

namespace KvmSevVmm.LabProbe;

/// <summary>
/// Builds the same machine again and again in one process, on a host that refuses another step each time, and says what the process holds
/// after each: a line of how it ended, open descriptors and mapped KiB, divided by tabs.
/// </summary>
internal static class LaunchLeaks
{
    /// <summary>The verb.</summary>
    public const string Verb = "leaks";

    /// <summary>Builds the machines.</summary>
    /// <param name="attempts">How many.</param>
    /// <param name="mode">What protects the guest, as <see cref="SevModeWords"/> has it.</param>
    /// <param name="firmware">The guest's firmware; null for a kernel alone.</param>
    public static void Run(int attempts, string mode, string? firmware)
    {
        string kernel = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(kernel, TinyKernel.Create(static code => code.hlt()));
            for (int attempt = 0; attempt < attempts; attempt++)
            {
                string end = Build(Enum.GetValues<SevMode>().Single(one => SevModeWords.WordFor(one) == mode), kernel, firmware);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{end}\t{CountDescriptors()}\t{ReadMappedKilobytes()}"));
            }
        }
        finally
        {
            File.Delete(kernel);
        }
    }

    private static string Build(SevMode mode, string kernel, string? firmware)
    {
        VmConfig config = new()
        {
            Boot = new BootConfig(kernel, null, string.Empty, firmware),
            MemoryBytes = 64 << 20,
            VcpuCount = 2,
            Sev = new SevConfig { Mode = mode },
        };
        try
        {
            using StopSignal stop = new();
            MachineIo io = new(Stream.Null, null, TextWriter.Null, null, Stopwatch.GetTimestamp()) { Stop = stop };
            using VirtualMachine machine = VirtualMachineBuilder.Build(config, io, Logger.None);
            return "launched";
        }
#pragma warning disable CA1031 // Whatever it is, it is the answer.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return failure.Message.Split('.')[0];
        }
    }

    private static int CountDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    private static long ReadMappedKilobytes()
    {
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("VmSize:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', '\t')[^2], CultureInfo.InvariantCulture);
    }
}
