using System.Globalization;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>Reads the version of SEV firmware: <c>1.55.25</c>, API major, API minor and build.</summary>
internal static class FirmwareVersionValue
{
    /// <summary>Reads a version.</summary>
    /// <param name="option">The option it was given to, with dashes, for the message.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">It is none.</exception>
    internal static SevFirmwareVersion Parse(string option, string text)
    {
        string[] parts = text.Split('.');
        byte[] numbers = new byte[3];
        bool isVersion = parts.Length == numbers.Length;
        for (int i = 0; isVersion && i < numbers.Length; i++)
        {
            isVersion = byte.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]);
        }

        return isVersion
            ? new SevFirmwareVersion(numbers[0], numbers[1], numbers[2])
            : throw new UsageException(
                $"{option}: '{text}' is no firmware version", "write API major, API minor and build with dots between them: 1.55.25");
    }

    /// <summary>The text for a version.</summary>
    /// <param name="version">The version.</param>
    internal static string Format(SevFirmwareVersion version) => $"{version.ApiMajor}.{version.ApiMinor}.{version.Build}";
}
