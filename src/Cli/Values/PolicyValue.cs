using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads guest policies: numbers, or names that are joined by commas or plus signs.</summary>
internal static class PolicyValue
{
    /// <summary>Reads the policy of a SEV or SEV-ES guest.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">It is no policy.</exception>
    internal static SevPolicy ParseSev(string option, string text) =>
        Read(option, text, SevPolicy.Parse, "write a number, or names such as nodbg,es,api-major=1");

    /// <summary>Reads the policy of a SEV-SNP guest.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">It is no policy.</exception>
    internal static SnpPolicy ParseSnp(string option, string text) =>
        Read(option, text, SnpPolicy.Parse, "write a number, 'default', or names such as smt,abi-major=1");

    private static T Read<T>(string option, string text, Func<string, T> parse, string hint)
    {
        try
        {
            return parse(text.Replace('+', ','));
        }
        catch (SevFormatException error)
        {
            throw new UsageException($"{option}: {error.Problem}", hint);
        }
    }
}
