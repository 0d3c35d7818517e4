using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads <c>--sev MODE[,key=value…]</c>.</summary>
internal static class SevValue
{
    private const string Option = "--sev";
    private static readonly string[] LaunchKeys = ["policy", "dh-cert-file", "session-file", "legacy-vm-type"];
    private static readonly string[] HardwareKeys = ["sev-device"];
    private static readonly string[] SimulationKeys = ["kind", "model"];

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">Unknown mode or key, or a value that cannot be.</exception>
    internal static SevConfig Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, ["mode", "cbitpos", .. LaunchKeys, .. HardwareKeys, .. SimulationKeys]);
        string mode = list.Get("mode")
            ?? throw new UsageException($"{Option}: the mode is missing", "write for instance --sev simulated,cbitpos=39");
        SevConfig config = ReadLaunchKeys(list, new() { Mode = ParseMode(Option, mode) });
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

    private static SevConfig ReadLaunchKeys(KeyValueList list, SevConfig config)
    {
        string[] meaningless = config.Mode switch
        {
            SevMode.None => [.. LaunchKeys, .. HardwareKeys, .. SimulationKeys],
            SevMode.Simulated => HardwareKeys,
            _ => SimulationKeys,
        };
        if (meaningless.FirstOrDefault(key => list.Get(key) is not null) is string unwanted)
        {
            throw new UsageException($"{Option}: {unwanted} has no meaning with mode '{SevModeWords.WordFor(config.Mode)}'");
        }

        return config with
        {
            SimulatedKind = list.Get("kind") is string kind
                ? ChoiceValue.Parse(
                    $"{Option} kind", kind, ("sev", SevGuestKind.Sev), ("sev-es", SevGuestKind.SevEs), ("sev-snp", SevGuestKind.SevSnp))
                : SevGuestKind.Sev,
            ModelDirectory = list.Get("model"),
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
