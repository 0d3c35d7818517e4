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
    private LaunchBundleFile(BundleReader reader)
    {
        Input = reader.Input;
        reader.RequireSchema();
        JsonElement root = reader.Root;
        Mode = reader.Text(root, "mode");
        Kind = reader.Text(root, "kind");
        if (Kind is not ("sev" or "sev-es"))
        {
            throw new SevFormatException(
                Input,
                "kind",
                Kind != SnpBundleFile.Kind ? $"\"{Kind}\" is neither sev, sev-es nor sev-snp"
                : $"\"{Kind}\": such a launch has no measurement, the guest's report proves it: "
                    + "'kvmsev attest verify REPORT --launch-bundle FILE'");
        }

        IsSimulated = reader.Flag(root, "simulated");
        Policy = reader.Parse(root, "policy", SevPolicy.Parse);
        Firmware = reader.FirmwareVersion();
        LaunchDigest = reader.HexBytes(root, "launchDigest", LaunchMeasure.DigestSize);
        Measurement = LaunchMeasurement.Parse(reader.Base64Bytes(root, "measurement"), $"{Input}: measurement");
        Chain = ReadChain(reader);
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
                ? new LaunchBundleFile(new BundleReader(document.RootElement, input))
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

    private static SevCertificateChain? ReadChain(BundleReader reader)
    {
        if (!HasMember(reader.Root, "platform"))
        {
            return null;
        }

        string input = reader.Input;
        JsonElement platform = reader.Member(reader.Root, "platform", JsonValueKind.Object);
        SevCertificateChain chain = SevCertificateChain.ParsePlatformExport(
            reader.Base64Bytes(platform, "pdh"), reader.Base64Bytes(platform, "chain"), $"{input}: pdh", $"{input}: chain");
        SevCertificate? cek = HasMember(platform, "signedCek")
            ? SevCertificate.Parse(reader.Base64Bytes(platform, "signedCek"), $"{input}: signedCek")
            : null;
        AskArk? authority = HasMember(platform, "authority")
            ? AskArk.Parse(reader.Base64Bytes(platform, "authority"), $"{input}: authority")
            : null;
        return CertificateFiles.Complete(chain, cek, $"{input}: signedCek", authority);
    }

    private static bool HasMember(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement member) && member.ValueKind != JsonValueKind.Null;
}
