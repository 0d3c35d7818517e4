using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Values;

/// <summary>Reads what LAUNCH_MEASURE returned: the 64 characters of base64 that monitors print, or a file, raw or base64.</summary>
internal static class MeasurementValue
{
    private const int TextLength = 64;

    /// <summary>Reads a measurement.</summary>
    /// <param name="option">The option it was given to, with dashes, for messages.</param>
    /// <param name="text">The base64, or the file's path.</param>
    /// <param name="source">Where it was: <c>command line</c>, <c>raw file</c> or <c>base64 file</c>.</param>
    /// <exception cref="SevFormatException">The file holds no measurement.</exception>
    /// <exception cref="FileNotFoundException">It is neither base64 nor a file.</exception>
    internal static LaunchMeasurement Read(string option, string text, out string source)
    {
        Span<byte> bytes = stackalloc byte[LaunchMeasurement.Size];
        if (text.Length == TextLength && Convert.TryFromBase64String(text, bytes, out int written) && written == bytes.Length)
        {
            source = "command line";
            return LaunchMeasurement.Parse(bytes, option);
        }

        EncodedBlob blob = InputBlob.Read(option, text, "measurement", LaunchMeasurement.Size);
        source = $"{blob.EncodingName} file";
        return LaunchMeasurement.Parse(blob.Bytes, text);
    }
}
