using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--sev MODE[,cbitpos=N]</c>.</summary>
internal static class SevValue
{
    private const string Option = "--sev";

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">Unknown mode or key, or a C-bit that no processor could have.</exception>
    internal static SevConfig Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, "mode", "cbitpos");
        string mode = list.Get("mode")
            ?? throw new UsageException($"{Option}: the mode is missing", "write for instance --sev simulated,cbitpos=39");
        SevConfig config = new() { Mode = ParseMode(Option, mode) };
        if (list.Get("cbitpos") is not string position)
        {
            return config;
        }

        if (config.Mode == SevMode.None)
        {
            throw new UsageException($"{Option}: cbitpos has no meaning with mode 'none'");
        }

        // x86-64 has 52 physical address bits at most, and below bit 32 the alias would lie in the 32-bit address space that devices use.
        return config with { CBitPosition = (int)NumberValue.Parse($"{Option} cbitpos", position, 32, 51) };
    }

    /// <summary>Reads the word for a mode.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">There is no such mode.</exception>
    internal static SevMode ParseMode(string option, string text) =>
        ChoiceValue.Parse(option, text, [.. Enum.GetValues<SevMode>().Select(static known => (SevModeWords.WordFor(known), known))]);
}
