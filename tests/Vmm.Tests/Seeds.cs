using System.Globalization;
using Xunit;

namespace KvmSevVmm.Vmm.Tests;

/// <summary>Seeds of random tests: new in each run, printed, and set by KVMSEV_TEST_SEED to repeat one.</summary>
internal static class Seeds
{
    internal static int Next()
    {
        string? given = Environment.GetEnvironmentVariable("KVMSEV_TEST_SEED");
        int seed = given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
        TestContext.Current.TestOutputHelper?.WriteLine($"KVMSEV_TEST_SEED={seed}");
        return seed;
    }
}
