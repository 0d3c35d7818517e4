using System.Text;

namespace KvmSevVmm.Cli.Tests;

/// <summary>Files that hold what others read.</summary>
internal static class Golden
{
    /// <summary>Where a golden file is.</summary>
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", name);

    /// <summary>What it holds.</summary>
    public static string Text(string name) => File.ReadAllText(Path(name), Encoding.UTF8);
}
