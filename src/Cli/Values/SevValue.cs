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
    private static readonly string[] SessionKeys = ["dh-cert-file", "session-file", "legacy-vm-type"];
    private static readonly string[] SnpKeys = ["id-block", "id-auth", "author-key", "host-data", "vcek-disabled"];
    private static readonly string[] LaunchKeys = ["policy", "kernel-hashes", .. SessionKeys, .. SnpKeys];
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

        config = config with
        {
            SimulatedKind = list.Get("kind") is string kind
                ? ChoiceValue.Parse(
                    $"{Option} kind", kind, ("sev", SevGuestKind.Sev), ("sev-es", SevGuestKind.SevEs), ("sev-snp", SevGuestKind.SevSnp))
                : SevGuestKind.Sev,
            ModelDirectory = list.Get("model"),
            HasKernelHashes = IsOn(list, "kernel-hashes"),
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
        return ReadKindKeys(list, config);
    }

    /// <summary>Keys that only guests of one kind have; a policy's bits depend on the kind too.</summary>
    private static SevConfig ReadKindKeys(KeyValueList list, SevConfig config)
    {
        bool isSnp = config.Mode != SevMode.None && config.Kind == SevGuestKind.SevSnp;
        if ((isSnp ? SessionKeys : SnpKeys).FirstOrDefault(key => list.Get(key) is not null) is string unwanted)
        {
            throw new UsageException(
                $"{Option}: {unwanted} has no meaning for {(isSnp ? "a SEV-SNP guest" : "any other than a SEV-SNP guest")}");
        }

        string? policy = list.Get("policy");
        return isSnp
            ? config with
            {
                SnpPolicy = policy is null ? null : ParsePolicy(policy, SnpPolicy.Parse, "smt+abi-major=1"),
                IdBlockPath = list.Get("id-block"),
                IdAuthenticationPath = list.Get("id-auth"),
                HostDataPath = list.Get("host-data"),
                HasAuthorKey = IsOn(list, "author-key"),
                IsVcekDisabled = IsOn(list, "vcek-disabled"),
            }
            : config with { Policy = policy is null ? null : ParsePolicy(policy, SevPolicy.Parse, "nodbg+es") };
    }

    private static bool IsOn(KeyValueList list, string key) =>
        list.Get(key) is string value && ChoiceValue.Parse($"{Option} {key}", value, ("on", true), ("off", false));

    // A comma ends the value here, so names are joined by a plus sign.
    private static T ParsePolicy<T>(string text, Func<string, T> parse, string example)
    {
        try
        {
            return parse(text.Replace('+', ','));
        }
        catch (SevFormatException error)
        {
            throw new UsageException($"{Option} policy: {error.Problem}", $"write a number, or names such as {example}");
        }
    }

    /// <summary>Reads the word for a mode.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">There is no such mode.</exception>
    internal static SevMode ParseMode(string option, string text) =>
        ChoiceValue.Parse(option, text, [.. Enum.GetValues<SevMode>().Select(static known => (SevModeWords.WordFor(known), known))]);
}
