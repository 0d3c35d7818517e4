using System.Text.Json;
using Json.Schema;

namespace KvmSevVmm.Cli.Tests.Schemas;

/// <summary>The published schemas of docs/schemas.</summary>
internal static class JsonSchemas
{
    private static readonly Dictionary<string, JsonSchema> Loaded = [];

    /// <summary>The directory with the schemas.</summary>
    public static string Directory { get; } = Path.Combine(FindRepository(), "docs", "schemas");

    /// <summary>The repository.</summary>
    public static string Repository => FindRepository();

    /// <summary>The file of a schema: <c>kvmsev.doctor/1</c> is in <c>kvmsev.doctor-1.schema.json</c>.</summary>
    public static string FileOf(string schema) => Path.Combine(Directory, schema.Replace('/', '-') + ".schema.json");

    /// <summary>Asserts that a document names a schema and fits it.</summary>
    public static void AssertFits(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        AssertFits(document.RootElement, document.RootElement.GetProperty("schema").GetString()!);
    }

    /// <summary>Asserts that a value fits a schema.</summary>
    public static void AssertFits(JsonElement value, string schema)
    {
        EvaluationResults results = Load(schema).Evaluate(value, new EvaluationOptions { OutputFormat = OutputFormat.List });
        Assert.True(results.IsValid, $"{schema}: {Explain(results)}\n{value}");
    }

    private static string Explain(EvaluationResults results) => string.Join(
        "; ",
        (results.Details ?? []).Where(static detail => detail.Errors is { Count: > 0 })
            .Select(static detail => $"{detail.InstanceLocation}: {string.Join(", ", detail.Errors!.Values)}"));

    private static JsonSchema Load(string schema)
    {
        lock (Loaded)
        {
            if (!Loaded.TryGetValue(schema, out JsonSchema? loaded))
            {
                loaded = JsonSchema.FromText(File.ReadAllText(FileOf(schema)));
                Loaded.Add(schema, loaded);
            }

            return loaded;
        }
    }

    private static string FindRepository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "KvmSevVmm.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests do not run inside the repository");
    }
}
