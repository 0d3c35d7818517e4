using System.Text.Json.Serialization;

namespace KvmSevVmm.Vmm;

/// <summary>Serialisation code for <see cref="VmResultDocument"/>, made at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(VmResultDocument))]
internal sealed partial class VmResultJsonContext : JsonSerializerContext;
