using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvmSevVmm.Cli.Commands;
using KvmSevVmm.Cli.Commands.Measure;

namespace KvmSevVmm.Cli;

/// <summary>Serialisation code for the documents of the command line, made at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(DoctorDocument))]
[JsonSerializable(typeof(MeasureDocument))]
[JsonSerializable(typeof(RunPlan))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(VersionDocument))]
internal sealed partial class CliJsonContext : JsonSerializerContext
{
    /// <summary>How documents that are written piece by piece look; the same as <see cref="Readable"/>.</summary>
    internal static JsonWriterOptions ReadableWriter { get; } =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes quotation marks, umlauts and the like as they are; control characters stay escaped.</summary>
    internal static CliJsonContext Readable => new(
        new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, TypeInfoResolver = null });
}
