namespace KvmSevVmm.Sev.Tests.Firmware;

/// <summary>The firmware images of Debian's package ovmf; a test that needs one is skipped, visibly, where it is not installed.</summary>
internal static class DebianOvmf
{
    /// <summary>The path of an image, below the folder that KVMSEV_OVMF_ROOT names instead of / if it is set.</summary>
    internal static string Path(string absolute)
    {
        string root = Environment.GetEnvironmentVariable("KVMSEV_OVMF_ROOT") ?? string.Empty;
        string path = root + absolute;
        Xunit.Assert.SkipUnless(File.Exists(path), $"no {absolute}: Debian's package ovmf is not installed");
        return path;
    }
}
