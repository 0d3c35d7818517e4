using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvmSevVmm.Vmm.Sev;

/// <summary>
/// Serialisation code for <see cref="LaunchBundleDocument"/> and <see cref="SnpLaunchBundleDocument"/>, made at build time.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(LaunchBundleDocument))]
[JsonSerializable(typeof(SnpLaunchBundleDocument))]
internal sealed partial class LaunchBundleJsonContext : JsonSerializerContext
{
    /// <summary>Writes the plus signs of base64 as they are.</summary>
    internal static LaunchBundleJsonContext Readable => new(
        new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, TypeInfoResolver = null });
}
