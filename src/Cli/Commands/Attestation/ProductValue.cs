using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Reads the names of processors: Milan, Genoa (Bergamo, Siena), Turin.</summary>
internal static class ProductValue
{
    /// <summary>Reads a name.</summary>
    /// <param name="option">The option it was given to, with dashes.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">The name is unknown.</exception>
    internal static SevGeneration Parse(string option, string text) => SnpProducts.FromName(text)
        ?? throw new UsageException($"{option}: unknown product '{text}'", "the products are: Milan, Genoa, Bergamo, Siena, Turin");
}
