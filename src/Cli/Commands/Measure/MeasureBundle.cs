using System.Globalization;
using System.Text.Json;
using KvmSevVmm.Cli.Commands.Attestation;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Vmm;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>
/// What a launch bundle (<c>run --launch-bundle</c>) says of the host and the machine. The host wrote it: it saves typing, it proves
/// nothing.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Sev">Mode, C-bit, policy and interface, in the form of <c>--sev</c>.</param>
/// <param name="MemoryBytes">Guest RAM; 0 for SEV-SNP, whose launch does not depend on it.</param>
/// <param name="VcpuCount">Number of vCPUs.</param>
/// <param name="CpuSignature">Leaf 1 EAX of the guest's CPUID.</param>
/// <param name="Firmware">The platform's SEV firmware.</param>
/// <param name="HasSecretPage">Whether a page for a secret was launched.</param>
/// <param name="LaunchDigest">The launch digest that the monitor computed.</param>
/// <param name="Measurement">What the firmware measured: measurement and nonce; null for SEV-SNP.</param>
internal sealed record MeasureBundle(
    string Path,
    MeasureSev Sev,
    ulong MemoryBytes,
    int VcpuCount,
    uint CpuSignature,
    SevFirmwareVersion Firmware,
    bool HasSecretPage,
    byte[] LaunchDigest,
    byte[]? Measurement)
{
    /// <summary>The rest of what a SEV-SNP guest's bundle says; null for the others.</summary>
    internal SnpBundleFile? Snp { get; private init; }

    private const string Schema = "kvmsev.launch-bundle/1";
    private const string SecretPage = "secret page";
    private const string HashTable = "hash table";
    private const string Option = "--bundle";
    private const long MaximumSize = 64 << 20;

    /// <summary>Reads a bundle.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidInputException">It is none; names the field.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    internal static MeasureBundle Read(string path)
    {
        using FileStream file = FileKind.OpenInput(Option, path);
        if (file.Length > MaximumSize)
        {
            throw new InvalidInputException(path, "size", $"{file.Length} bytes are too many for a launch bundle");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(file);
            return Read(path, document.RootElement);
        }
        catch (JsonException error)
        {
            throw new InvalidInputException(path, "JSON", OneLine.Clean(error.Message.TrimEnd('.')), error);
        }
    }

    /// <summary>What the bundle tells, in words: the guest's owner has to agree with it.</summary>
    internal string Describe() => Snp is { } snp
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"the bundle, which the host wrote, tells: sev-snp, vCPUs {VcpuCount}, CPU signature 0x{CpuSignature:x}, SEV_FEATURES "
            + $"0x{snp.SevFeatures:x}, {VmmValue.WordFor(snp.Profile)}'s registers, "
            + $"{(snp.HasKernelHashes ? "with" : "without")} kernel hashes, firmware {Firmware}")
        : string.Create(
        CultureInfo.InvariantCulture,
        $"the bundle, which the host wrote, tells: {MeasureSev.WordFor(Sev.Mode)}, C-bit {Sev.CBitPosition}, {MemoryBytes >> 20} MiB, "
        + $"vCPUs {VcpuCount}, firmware {Firmware}");

    private static MeasureBundle Read(string path, JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidInputException(path, "JSON", "is not an object");
        }

        if (SnpBundleFile.IsOne(root))
        {
            return FromSnp(path, SnpBundleFile.Parse(root, path));
        }

        if (Text(path, root, "schema") != Schema)
        {
            throw new InvalidInputException(path, "schema", $"is not {Schema}");
        }

        string kind = Text(path, root, "kind");
        JsonElement firmware = Member(path, root, "firmware", JsonValueKind.Object);
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{kind},cbitpos={Number(path, root, "cBit", 33, 51)},policy={Text(path, root, "policy")}");
        MeasureSev sev;
        try
        {
            sev = MeasureSev.Parse(text);
        }
        catch (Parsing.UsageException error)
        {
            throw new InvalidInputException(path, "kind or policy", error.Message, error);
        }

        return new MeasureBundle(
            path,
            sev with
            {
                IsSimulated = Member(path, root, "simulated", JsonValueKind.True, JsonValueKind.False).GetBoolean(),
                HasKernelHashes = HasPiece(path, root, HashTable),
                IsLegacyInit = Text(path, root, "initInterface") switch
                {
                    "legacy" => true,
                    "init2" => false,
                    string other => throw new InvalidInputException(path, "initInterface", $"'{other}' is neither legacy nor init2"),
                },
            },
            Number(path, root, "memoryBytes", 1, ulong.MaxValue),
            (int)Number(path, root, "vcpus", 1, 4096),
            Signature(path, Text(path, root, "cpuSignature")),
            new SevFirmwareVersion(
                (byte)Number(path, firmware, "apiMajor", 0, byte.MaxValue),
                (byte)Number(path, firmware, "apiMinor", 0, byte.MaxValue),
                (byte)Number(path, firmware, "build", 0, byte.MaxValue)),
            HasPiece(path, root, SecretPage),
            Bytes(path, root, "launchDigest", Convert.FromHexString, SevLaunchDigest.Size),
            Bytes(path, root, "measurement", Convert.FromBase64String, LaunchMeasurement.Size));
    }

    // A bundle that contradicts itself is damaged; what it says is not worth comparing with.
    private static MeasureBundle FromSnp(string path, SnpBundleFile bundle) =>
        bundle.CheckItself().Failures.FirstOrDefault() is { } failure
            ? throw new InvalidInputException(path, failure.Name, failure.Detail)
            : new MeasureBundle(
                path,
                new MeasureSev(
                    LaunchMode.Snp,
                    bundle.IsSimulated,
                    CBitPosition: null,
                    Policy: null,
                    bundle.Policy,
                    bundle.Profile == VmsaProfile.QemuLegacyInit,
                    bundle.HasKernelHashes),
                MemoryBytes: 0,
                bundle.VcpuCount,
                bundle.CpuSignature,
                bundle.Firmware,
                HasSecretPage: false,
                bundle.LaunchDigest,
                Measurement: null)
            {
                Snp = bundle,
            };

    private static bool HasPiece(string path, JsonElement root, string name) =>
        Member(path, root, "pieces", JsonValueKind.Array).EnumerateArray().Any(piece => Text(path, piece, "name") == name);

    private static JsonElement Member(string path, JsonElement parent, string name, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty(name, out JsonElement member))
        {
            throw new InvalidInputException(path, name, "is missing");
        }

        return kinds.Contains(member.ValueKind)
            ? member
            : throw new InvalidInputException(path, name, $"is {member.ValueKind}, not {kinds[0]}");
    }

    private static string Text(string path, JsonElement parent, string name)
    {
        try
        {
            return Member(path, parent, name, JsonValueKind.String).GetString()!;
        }
        catch (InvalidOperationException error)
        {
            // Half a surrogate pair, which JSON can write and no text can hold.
            throw new InvalidInputException(path, name, "is no valid text", error);
        }
    }

    private static ulong Number(string path, JsonElement parent, string name, ulong minimum, ulong maximum) =>
        Member(path, parent, name, JsonValueKind.Number).TryGetUInt64(out ulong value) && value >= minimum && value <= maximum
            ? value
            : throw new InvalidInputException(path, name, $"is not a whole number from {minimum} to {maximum}");

    private static uint Signature(string path, string text) =>
        text.StartsWith("0x", StringComparison.Ordinal)
            && uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value)
            ? value
            : throw new InvalidInputException(path, "cpuSignature", $"'{text}' is not a 32-bit number with 0x");

    private static byte[] Bytes(string path, JsonElement parent, string name, Func<string, byte[]> decode, int size)
    {
        string text = Text(path, parent, name);
        try
        {
            byte[] bytes = decode(text);
            return bytes.Length == size
                ? bytes
                : throw new InvalidInputException(path, name, $"has {bytes.Length} bytes instead of {size}");
        }
        catch (FormatException error)
        {
            throw new InvalidInputException(path, name, "is not encoded as it must be", error);
        }
    }
}
