using System.Globalization;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads and writes versions: numbers from 0 to 255 with dots between them.</summary>
internal static class VersionValue
{
    /// <summary>A firmware's version as the options take it: <c>1.55.25</c>.</summary>
    /// <param name="version">The version.</param>
    internal static string Format(SevFirmwareVersion version) => $"{version.ApiMajor}.{version.ApiMinor}.{version.Build}";

    /// <summary>Reads a firmware's version: API major, API minor and build.</summary>
    /// <param name="option">The option it was given to, with dashes.</param>
    /// <param name="text">What the user wrote.</param>
    /// <exception cref="UsageException">It is no such version.</exception>
    internal static SevFirmwareVersion ParseFirmware(string option, string text)
    {
        byte[] numbers = Parse(option, text, 3);
        return new SevFirmwareVersion(numbers[0], numbers[1], numbers[2]);
    }

    /// <summary>Reads a version.</summary>
    /// <param name="option">The option it was given to, with dashes.</param>
    /// <param name="text">What the user wrote.</param>
    /// <param name="count">How many numbers it has.</param>
    /// <exception cref="UsageException">It is no such version.</exception>
    internal static byte[] Parse(string option, string text, int count)
    {
        string[] parts = text.Split('.');
        byte[] numbers = new byte[count];
        bool isGood = parts.Length == count;
        for (int index = 0; isGood && index < count; index++)
        {
            isGood = byte.TryParse(parts[index], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[index]);
        }

        return isGood
            ? numbers
            : throw new UsageException(
                $"{option}: '{text}' is no version", count == 3 ? "write for instance 1.55.25" : "write for instance 1.55");
    }
}
