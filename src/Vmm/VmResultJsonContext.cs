using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvmSevVmm.Vmm;

/// <summary>Serialisation code for <see cref="VmResultDocument"/>, made at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(VmResultDocument))]
internal sealed partial class VmResultJsonContext : JsonSerializerContext
{
    /// <summary>Writes quotation marks, umlauts and the like as they are; control characters stay escaped.</summary>
    internal static VmResultJsonContext Readable => new(
        new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, TypeInfoResolver = null });
}
