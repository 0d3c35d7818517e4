namespace KvmSevVmm.Lab.Tests;

/// <summary>Where the repository lies, and what its scripts have built.</summary>
internal static class Repository
{
    /// <summary>The folder with KvmSevVmm.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>What a build has left.</summary>
    public static string Artifact(string name) => Path.Combine(Root, "artifacts", name);

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KvmSevVmm.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("the tests do not run inside the repository");
    }
}
