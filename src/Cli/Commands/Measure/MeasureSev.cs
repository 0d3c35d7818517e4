using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Sev;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>
/// What <c>--sev</c> says about a launch that is measured. It takes every key that <c>run</c> takes, so that one value does for both; those
/// on which no digest depends are passed over.
/// </summary>
/// <param name="Mode">How the guest is protected.</param>
/// <param name="IsSimulated">Whether the launch is that of a simulated guest.</param>
/// <param name="CBitPosition">The C-bit, or null.</param>
/// <param name="Policy">The policy of a SEV or SEV-ES guest, or null.</param>
/// <param name="SnpPolicy">The policy of a SEV-SNP guest, or null.</param>
/// <param name="IsLegacyInit">Whether the guest is made by KVM_SEV_INIT or KVM_SEV_ES_INIT; null where nothing is said.</param>
/// <param name="HasKernelHashes">
/// Whether a firmware guest's launch measures kernel, initrd and command line; null where nothing is said.
/// </param>
internal sealed record MeasureSev(
    LaunchMode Mode,
    bool IsSimulated,
    int? CBitPosition,
    SevPolicy? Policy,
    SnpPolicy? SnpPolicy,
    bool? IsLegacyInit,
    bool? HasKernelHashes)
{
    /// <summary>The option.</summary>
    internal const string Option = "--sev";

    private const string Forms = "write for instance --sev sev,cbitpos=51,policy=0x1";

    private static readonly string[] Keys =
        ["mode", "kind", "cbitpos", "policy", "legacy-vm-type", "kernel-hashes",

        // For run alone.
        "dh-cert-file", "session-file", "sev-device", "model", "id-block", "id-auth", "author-key", "vcek-disabled", "host-data",
        "reduced-phys-bits",];

    /// <summary>Reads the option.</summary>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">Unknown mode or key, or a value that cannot be.</exception>
    internal static MeasureSev Parse(string text)
    {
        KeyValueList list = KeyValueList.Parse(Option, text, Keys);
        string word = list.Get("mode") ?? throw new UsageException($"{Option}: the mode is missing", Forms);
        bool isSimulated = word == SevModeWords.WordFor(SevMode.Simulated);
        if (!isSimulated && list.Get("kind") is not null)
        {
            throw new UsageException($"{Option}: kind has no meaning with mode '{word}'");
        }

        LaunchMode mode = isSimulated ? ParseKind(list.Get("kind")) : ParseMode(word);
        string? policy = list.Get("policy");
        return new MeasureSev(
            mode,
            isSimulated,
            list.Get("cbitpos") is string position ? (int)NumberValue.Parse($"{Option} cbitpos", position, 33, 51) : null,
            policy is not null && mode != LaunchMode.Snp ? ParsePolicy(policy, SevPolicy.Parse) : null,
            policy is not null && mode == LaunchMode.Snp ? ParsePolicy(policy, Sev.Policies.SnpPolicy.Parse) : null,
            ParseSwitch(list, "legacy-vm-type", ("on", true), ("off", false), ("auto", null)),
            ParseSwitch(list, "kernel-hashes", ("on", true), ("off", false)));
    }

    /// <summary>Fills in what was not given.</summary>
    /// <param name="other">What to fill it in from, or null.</param>
    /// <exception cref="UsageException">It is another mode.</exception>
    internal MeasureSev CompleteFrom(MeasureSev? other)
    {
        if (other is null)
        {
            return this;
        }

        return other.Mode == Mode
            ? this with
            {
                IsSimulated = IsSimulated || other.IsSimulated,
                CBitPosition = CBitPosition ?? other.CBitPosition,
                Policy = Policy ?? other.Policy,
                SnpPolicy = SnpPolicy ?? other.SnpPolicy,
                IsLegacyInit = IsLegacyInit ?? other.IsLegacyInit,
                HasKernelHashes = HasKernelHashes ?? other.HasKernelHashes,
            }
            : throw new UsageException($"{Option} says {WordFor(Mode)}, the bundle says {WordFor(other.Mode)}");
    }

    /// <summary>The word for a mode.</summary>
    /// <param name="mode">The mode.</param>
    internal static string WordFor(LaunchMode mode) => mode switch
    {
        LaunchMode.Sev => "sev",
        LaunchMode.SevEs => "sev-es",
        _ => "sev-snp",
    };

    // The second spellings are those of sev-snp-measure.
    private static LaunchMode ParseMode(string word) => ChoiceValue.Parse(
        Option,
        word,
        ("sev", LaunchMode.Sev),
        ("sev-es", LaunchMode.SevEs),
        ("sev-snp", LaunchMode.Snp),
        ("simulated", LaunchMode.Sev),
        ("seves", LaunchMode.SevEs),
        ("snp", LaunchMode.Snp));

    private static LaunchMode ParseKind(string? word) => word is null
        ? LaunchMode.Sev
        : ChoiceValue.Parse(
            $"{Option} kind", word, ("sev", LaunchMode.Sev), ("sev-es", LaunchMode.SevEs), ("sev-snp", LaunchMode.Snp));

    private static bool? ParseSwitch(KeyValueList list, string key, params ReadOnlySpan<(string Word, bool? Meaning)> choices) =>
        list.Get(key) is string word ? ChoiceValue.Parse($"{Option} {key}", word, choices) : null;

    // A comma ends the value here, so names are joined by a plus sign.
    private static T ParsePolicy<T>(string text, Func<string, T> parse)
    {
        try
        {
            return parse(text.Replace('+', ','));
        }
        catch (SevFormatException error)
        {
            throw new UsageException($"{Option} policy: {error.Problem}", "write a number, or names such as nodbg+es");
        }
    }
}
