using System.Diagnostics.CodeAnalysis;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Verifies a bare launch measurement: what LAUNCH_MEASURE returned, and nothing about where it comes from.</summary>
internal static class MeasurementVerification
{
    private const string Name = "measurement";

    /// <summary>A measurement, and how it was given.</summary>
    /// <param name="Value">The measurement.</param>
    /// <param name="Source">How it was given.</param>
    internal sealed record Measured(LaunchMeasurement Value, string Source);

    /// <summary>Takes the evidence as a measurement where its size says that it is one.</summary>
    /// <param name="text">Base64, or a file.</param>
    /// <param name="measured">The measurement.</param>
    internal static bool TryRead(string text, [NotNullWhen(true)] out Measured? measured)
    {
        measured = null;
        if (File.Exists(text))
        {
            byte[] content = InputBlob.ReadContent("EVIDENCE", text);
            if (content.Length != LaunchMeasurement.Size && EncodedBlob.DecodeAny(content).Bytes.Length != LaunchMeasurement.Size)
            {
                return false;
            }
        }
        else if (text.Length != Convert.ToBase64String(new byte[LaunchMeasurement.Size]).Length)
        {
            return false;
        }

        measured = new Measured(MeasurementValue.Read("EVIDENCE", text, out string source), source);
        return true;
    }

    /// <summary>Verifies.</summary>
    /// <param name="options">What the user expects.</param>
    /// <param name="measurement">The measurement.</param>
    /// <returns>What was found, and the checks without which nothing is proven.</returns>
    internal static (VerificationReport Report, string[] Core) Verify(AttestVerifyOptions options, LaunchMeasurement measurement)
    {
        const string Kind = "a bare launch measurement";
        OptionScope.Refuse(Kind, OptionScope.SnpOnly(options));
        OptionScope.Refuse(
            Kind,
            ("--nonce", options.Nonce is not null),
            ("--certs", options.Certs is not null),
            ("--cek", options.Cek is not null),
            ("--ask-ark", options.AskArk is not null));
        CheckList checks = new();
        (string Option, bool IsGiven)[] needed =
        [
            ("--tik", options.Tik is not null || options.Tk is not null),
            ("--digest", options.Digests is not null),
            ("--policy", options.Policy is not null),
            ("--firmware", options.Firmware is not null),
        ];
        string[] missing = [.. needed.Where(static need => !need.IsGiven).Select(static need => need.Option)];
        if (missing.Length > 0)
        {
            checks.NotChecked(Name, $"it is a hash over all of them: {string.Join(", ", missing)} missing");
        }
        else
        {
            using TransportKeys keys = ReadTik(options)!;
            checks.Append(new VerificationReport([LaunchMeasure.Verify(
                measurement,
                keys.Tik,
                VersionValue.ParseFirmware("--firmware", options.Firmware!),
                PolicyValue.ParseSev("--policy", options.Policy!),
                LegacyVerification.ParseOne(options.Digests!))]));
        }

        return (checks.ToReport(), [Name]);
    }

    /// <summary>The owner's TIK, or null.</summary>
    /// <param name="options">Where it is.</param>
    internal static TransportKeys? ReadTik(AttestVerifyOptions options) => options switch
    {
        { Tk: { } both } => TransportKeyFiles.ReadBoth("--tk", both),
        { Tik: { } tik } => TransportKeyFiles.ReadTik("--tik", tik),
        _ => null,
    };
}
