using System.Text.Json;

namespace KvmSevVmm.Sev.Tests;

/// <summary>
/// The shared test vectors: files that nobody here made. They lie beside the repository, in <c>shared/vectors</c>, or where the
/// environment variable <c>KVMSEV_VECTORS</c> says. A test that needs them is skipped, visibly, where they are absent.
/// </summary>
internal static class Vectors
{
    private static readonly string? Root = FindRoot();

    /// <summary>The path of a vector file; skips the running test where there are no vectors.</summary>
    /// <param name="relative">The path below the vectors' folder.</param>
    internal static string Path(string relative)
    {
        Xunit.Assert.SkipWhen(Root is null, "no test vectors: neither ../shared/vectors beside the repository nor KVMSEV_VECTORS");
        return System.IO.Path.Combine(Root!, relative);
    }

    internal static byte[] Bytes(string relative) => File.ReadAllBytes(Path(relative));

    internal static string Text(string relative) => File.ReadAllText(Path(relative));

    internal static JsonElement Json(string relative)
    {
        using JsonDocument document = JsonDocument.Parse(Bytes(relative));
        return document.RootElement.Clone();
    }

    /// <summary>A member of a JSON object that holds hex digits.</summary>
    internal static byte[] Hex(this JsonElement element, string name) => Convert.FromHexString(element.GetProperty(name).GetString()!);

    /// <summary>A member of a JSON object that holds base64.</summary>
    internal static byte[] Base64(this JsonElement element, string name) =>
        Convert.FromBase64String(element.GetProperty(name).GetString()!);

    private static string? FindRoot()
    {
        string? given = Environment.GetEnvironmentVariable("KVMSEV_VECTORS");
        if (!string.IsNullOrEmpty(given))
        {
            return Directory.Exists(given) ? given : null;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "KvmSevVmm.sln")))
            {
                string beside = System.IO.Path.Combine(folder.Parent?.FullName ?? "/", "shared", "vectors");
                return Directory.Exists(beside) ? beside : null;
            }
        }

        return null;
    }
}
