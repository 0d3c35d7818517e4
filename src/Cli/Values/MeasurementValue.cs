using KvmSevVmm.Cli.Commands.Attestation;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Values;

/// <summary>
/// Reads what LAUNCH_MEASURE returned: the 64 characters of base64 that monitors print, a file of it, raw or base64, or a launch bundle.
/// </summary>
internal static class MeasurementValue
{
    private const int TextLength = 64;

    /// <summary>Reads a measurement.</summary>
    /// <param name="option">The option it was given to, with dashes, for messages.</param>
    /// <param name="text">The base64, or the file's path.</param>
    /// <param name="source">Where it was: <c>command line</c>, <c>raw file</c>, <c>base64 file</c> or <c>launch bundle</c>.</param>
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

        byte[] content = InputBlob.ReadContent(option, text);
        if (LaunchBundleFile.IsOne(content) && content.Length != LaunchMeasurement.Size)
        {
            source = "launch bundle";
            return LaunchBundleFile.Parse(content, text).Measurement;
        }

        EncodedBlob blob = EncodedBlob.Decode(content, text, "measurement", LaunchMeasurement.Size);
        source = $"{blob.EncodingName} file";
        return LaunchMeasurement.Parse(blob.Bytes, text);
    }
}
