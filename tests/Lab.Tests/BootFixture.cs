using System.Text.Json;
using KvmSevVmm.Lab.Tests;

[assembly: AssemblyFixture(typeof(BootFixture))]

namespace KvmSevVmm.Lab.Tests;

/// <summary>One real boot: scripts/boot.sh in the laboratory, with an unmodified Debian kernel. The tests look at what it left.</summary>
public sealed class BootFixture : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-boot-").FullName;
    private readonly Lazy<LabOutput> _run;

    /// <summary>Prepares the boot; it runs when the first test asks.</summary>
    public BootFixture()
    {
        _run = new Lazy<LabOutput>(() => Laboratory.Run(
            "scripts/boot.sh", ["--host", "lab", "--no-build", "--out", _folder], TimeSpan.FromSeconds(400)));
    }

    /// <summary>The whole of what boot.sh printed.</summary>
    internal LabOutput Run
    {
        get
        {
            string? reason = Laboratory.SkipReason("kvmsev");
            Assert.SkipWhen(reason is not null, reason ?? string.Empty);
            return _run.Value;
        }
    }

    /// <summary>The text of a file that the boot left.</summary>
    /// <param name="name">Its name.</param>
    public string Read(string name)
    {
        _ = Run;
        return File.ReadAllText(Path.Combine(_folder, name));
    }

    /// <summary>Path of a file that the boot left.</summary>
    /// <param name="name">Its name.</param>
    public string PathOf(string name)
    {
        _ = Run;
        return Path.Combine(_folder, name);
    }

    /// <summary>A JSON file that the boot left.</summary>
    /// <param name="name">Its name.</param>
    public JsonElement ReadJson(string name) => JsonDocument.Parse(Read(name)).RootElement;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
