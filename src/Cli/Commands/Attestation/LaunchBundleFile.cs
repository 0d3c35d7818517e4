using System.Text.Json;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>
/// The launch bundle of a SEV or SEV-ES guest (<c>run --launch-bundle</c>, schema kvmsev.launch-bundle/1) as its verifier reads it. The
/// host wrote it: every word is a claim.
/// </summary>
internal sealed class LaunchBundleFile
{
    private const string Schema = "kvmsev.launch-bundle/1";

    private LaunchBundleFile(JsonElement root, string input)
    {
        Input = input;
        string schema = ReadText(root, "schema");
        if (schema != Schema)
        {
            throw new SevFormatException(input, "schema", $"\"{schema}\" is not {Schema}");
        }

        Mode = ReadText(root, "mode");
        Kind = ReadText(root, "kind");
        if (Kind is not ("sev" or "sev-es"))
        {
            throw new SevFormatException(
                input,
                "kind",
                Kind != SnpBundleFile.Kind ? $"\"{Kind}\" is neither sev, sev-es nor sev-snp"
                : $"\"{Kind}\": such a launch has no measurement, the guest's report proves it: "
                    + "'kvmsev attest verify REPORT --launch-bundle FILE'");
        }

        IsSimulated = ReadFlag(root, "simulated");
        Policy = ReadPolicy(root);
        JsonElement firmware = ReadMember(root, "firmware", JsonValueKind.Object);
        Firmware = new SevFirmwareVersion(ReadByte(firmware, "apiMajor"), ReadByte(firmware, "apiMinor"), ReadByte(firmware, "build"));
        LaunchDigest = ReadDigest(root);
        Measurement = LaunchMeasurement.Parse(ReadBase64(root, "measurement"), $"{input}: measurement");
        Chain = ReadChain(root);
    }

    /// <summary>The file.</summary>
    internal string Input { get; }

    /// <summary>The mode that the guest was run in.</summary>
    internal string Mode { get; }

    /// <summary><c>sev</c> or <c>sev-es</c>.</summary>
    internal string Kind { get; }

    /// <summary>Whether the host says that the firmware was the model.</summary>
    internal bool IsSimulated { get; }

    /// <summary>The guest's policy.</summary>
    internal SevPolicy Policy { get; }

    /// <summary>The firmware's version.</summary>
    internal SevFirmwareVersion Firmware { get; }

    /// <summary>The launch digest, 32 bytes.</summary>
    internal byte[] LaunchDigest { get; }

    /// <summary>What LAUNCH_MEASURE returned.</summary>
    internal LaunchMeasurement Measurement { get; }

    /// <summary>The platform's certificates, or null.</summary>
    internal SevCertificateChain? Chain { get; }

    /// <summary>Whether a file may be a bundle: JSON.</summary>
    /// <param name="content">Its content.</param>
    internal static bool IsOne(ReadOnlySpan<byte> content) => content.TrimStart(" \t\r\n"u8) is [(byte)'{', ..];

    /// <summary>Reads a bundle.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="input">The file's name, for messages.</param>
    /// <exception cref="SevFormatException">A member is missing or not what it must be.</exception>
    internal static LaunchBundleFile Parse(byte[] content, string input)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new LaunchBundleFile(document.RootElement, input)
                : throw new SevFormatException(input, "JSON", "it is no object");
        }
        catch (JsonException fault)
        {
            throw new SevFormatException(input, "JSON", $"line {fault.LineNumber + 1} is no JSON", fault);
        }
    }

    /// <summary>Tells what it claims.</summary>
    /// <param name="sheet">Takes the claims.</param>
    internal void Describe(FactSheet sheet) => sheet
        .Add("mode", Mode)
        .Add("guest", Kind)
        .Add("simulated", IsSimulated)
        .Add("policy", $"{Policy} ({Policy.ToNames()})")
        .Add("firmware", VersionValue.Format(Firmware))
        .Add("launch digest", LaunchDigest)
        .Add("measurement", Measurement.ToString());

    private JsonElement ReadMember(JsonElement parent, string name, params ReadOnlySpan<JsonValueKind> kinds)
    {
        if (!parent.TryGetProperty(name, out JsonElement member))
        {
            throw new SevFormatException(Input, name, "it is missing");
        }

        return kinds.Contains(member.ValueKind)
            ? member
            : throw new SevFormatException(Input, name, $"it is JSON's {member.ValueKind}");
    }

    private string ReadText(JsonElement parent, string name)
    {
        try
        {
            return ReadMember(parent, name, JsonValueKind.String).GetString()!;
        }
        catch (InvalidOperationException fault)
        {
            // Half a surrogate pair, which JSON can write and no text can hold.
            throw new SevFormatException(Input, name, "it is no valid text", fault);
        }
    }

    private bool ReadFlag(JsonElement parent, string name) =>
        ReadMember(parent, name, JsonValueKind.True, JsonValueKind.False).GetBoolean();

    private byte ReadByte(JsonElement parent, string name) =>
        ReadMember(parent, name, JsonValueKind.Number).TryGetByte(out byte value)
            ? value
            : throw new SevFormatException(Input, name, "it is no number from 0 to 255");

    private byte[] ReadBase64(JsonElement parent, string name)
    {
        string text = ReadText(parent, name);
        byte[] bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out int written)
            ? bytes[..written]
            : throw new SevFormatException(Input, name, "it is no base64");
    }

    private SevPolicy ReadPolicy(JsonElement root)
    {
        try
        {
            return SevPolicy.Parse(ReadText(root, "policy"));
        }
        catch (SevFormatException fault)
        {
            throw new SevFormatException(Input, "policy", fault.Problem, fault);
        }
    }

    private byte[] ReadDigest(JsonElement root)
    {
        const string Name = "launchDigest";
        string text = ReadText(root, Name);
        return text.Length == LaunchMeasure.DigestSize * 2 && text.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(text)
            : throw new SevFormatException(Input, Name, $"it is not {LaunchMeasure.DigestSize * 2} hexadecimal digits");
    }

    private SevCertificateChain? ReadChain(JsonElement root)
    {
        if (!root.TryGetProperty("platform", out JsonElement platform) || platform.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (platform.ValueKind != JsonValueKind.Object)
        {
            throw new SevFormatException(Input, "platform", $"it is JSON's {platform.ValueKind}");
        }

        SevCertificateChain chain = SevCertificateChain.ParsePlatformExport(
            ReadBase64(platform, "pdh"), ReadBase64(platform, "chain"), $"{Input}: pdh", $"{Input}: chain");
        SevCertificate? cek = HasText(platform, "signedCek")
            ? SevCertificate.Parse(ReadBase64(platform, "signedCek"), $"{Input}: signedCek")
            : null;
        AskArk? authority = HasText(platform, "authority") ? AskArk.Parse(ReadBase64(platform, "authority"), $"{Input}: authority") : null;
        return CertificateFiles.Complete(chain, cek, $"{Input}: signedCek", authority);
    }

    private static bool HasText(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement member) && member.ValueKind != JsonValueKind.Null;
}
