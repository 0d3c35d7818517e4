using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--sev MODE[,key=value…]</c>.</summary>
internal static class SevValue
{
    private const string Option = "--sev";
    private static readonly string[] HardwareKeys = ["policy", "dh-cert-file", "session-file", "legacy-vm-type", "sev-device"];

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">Unknown mode or key, or a value that cannot be.</exception>
    internal static SevConfig Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, ["mode", "cbitpos", .. HardwareKeys]);
        string mode = list.Get("mode")
            ?? throw new UsageException($"{Option}: the mode is missing", "write for instance --sev simulated,cbitpos=39");
        SevConfig config = ReadHardwareKeys(list, new() { Mode = ParseMode(Option, mode) });
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

    private static SevConfig ReadHardwareKeys(KeyValueList list, SevConfig config)
    {
        bool isHardware = config.Mode is not (SevMode.None or SevMode.Simulated);
        if (!isHardware && HardwareKeys.FirstOrDefault(key => list.Get(key) is not null) is string unwanted)
        {
            throw new UsageException($"{Option}: {unwanted} has no meaning with mode '{SevModeWords.WordFor(config.Mode)}'");
        }

        return config with
        {
            Policy = list.Get("policy") is string policy ? ParsePolicy(policy) : null,
            OwnerCertificatePath = list.Get("dh-cert-file"),
            SessionPath = list.Get("session-file"),
            InitInterface = list.Get("legacy-vm-type") is string legacy
                ? ChoiceValue.Parse(
                    $"{Option} legacy-vm-type",
                    legacy,
                    ("auto", SevInitInterface.Auto),
                    ("on", SevInitInterface.Legacy),
                    ("off", SevInitInterface.Init2))
                : SevInitInterface.Auto,
            DevicePath = list.Get("sev-device") ?? config.DevicePath,
        };
    }

    // A comma ends the value here, so names are joined by a plus sign.
    private static SevPolicy ParsePolicy(string text)
    {
        try
        {
            return SevPolicy.Parse(text.Replace('+', ','));
        }
        catch (SevFormatException error)
        {
            throw new UsageException($"{Option} policy: {error.Problem}", "write a number, or names such as nodbg+es");
        }
    }

    /// <summary>Reads the word for a mode.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">There is no such mode.</exception>
    internal static SevMode ParseMode(string option, string text) =>
        ChoiceValue.Parse(option, text, [.. Enum.GetValues<SevMode>().Select(static known => (SevModeWords.WordFor(known), known))]);
}
