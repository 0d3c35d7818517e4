using System.Text;

namespace KvmSevVmm.Cli.Tests;

/// <summary>Event logs of two real boots in the laboratory: Debian's 6.1 cloud kernel, simulated SEV, one vCPU.</summary>
internal static class Boots
{
    /// <summary>1 GiB, with KASLR.</summary>
    public static string Kaslr => Golden.Path("boots/kaslr1g.jsonl");

    /// <summary>Of the same boot: what the console said of the bounce buffers.</summary>
    public static string Console => Golden.Path("boots/kaslr1g.console");

    /// <summary>Of the same boot: lines of the guest's /proc/kallsyms.</summary>
    public static string Symbols => Golden.Path("boots/kaslr1g.kallsyms");

    /// <summary>512 MiB, without KASLR.</summary>
    public static string NoKaslr => Golden.Path("boots/nokaslr512.jsonl");

    /// <summary>
    /// Compares with a golden file. With KVMSEV_WRITE_GOLDEN=1 the file beside the test's source is written instead, for a person to look
    /// at
    /// before it is committed, and the test fails.
    /// </summary>
    public static void AssertGolden(string name, string actual)
    {
        if (Environment.GetEnvironmentVariable("KVMSEV_WRITE_GOLDEN") == "1")
        {
            string source = Path.Combine(AppContext.BaseDirectory, "../../../Golden/boots", name);
            File.WriteAllText(source, actual, new UTF8Encoding(false));
            Assert.Fail($"{source} was written");
        }

        Assert.Equal(Golden.Text($"boots/{name}"), actual);
    }
}
