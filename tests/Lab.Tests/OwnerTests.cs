using System.Security.Cryptography;
using System.Text.Json;

namespace KvmSevVmm.Lab.Tests;

/// <summary>
/// An unmodified Debian kernel as a simulated SEV guest that waits for its owner: certificates, session, measurement, secret, and the
/// secret read by the guest. Everything by command line.
/// </summary>
public sealed class OwnerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kvmsev-owner-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Owner_SeesWhatIsLaunched_AndItsSecretReachesTheGuest()
    {
        string? reason = Laboratory.SkipReason("kvmsev");
        Assert.SkipWhen(reason is not null, reason ?? string.Empty);
        string output = Path.Combine(_folder, "out");

        Laboratory.RunScript("owner.sh", _folder);

        string console = File.ReadAllText(Path.Combine(output, "console.log"));
        Assert.Contains("Memory Encryption Features active: AMD SEV", console, StringComparison.Ordinal);
        Assert.Contains(
            $"kvmsev-guest: secret key sha256 {Convert.ToHexStringLower(SHA256.HashData("the owner was here"u8))}",
            console,
            StringComparison.Ordinal);
        JsonElement bundle = Json(output, "launch.json");
        JsonElement result = Json(output, "result.json");
        Assert.Equal(bundle.GetProperty("launchDigest").GetString(), result.GetProperty("launchDigest").GetString());
        Assert.Equal(
            Convert.ToHexStringLower(bundle.GetProperty("measurement").GetBytesFromBase64()),
            result.GetProperty("launchMeasurement").GetString());
        Assert.True(bundle.GetProperty("simulated").GetBoolean());
    }

    private static JsonElement Json(string folder, string name) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, name))).RootElement.Clone();
}
