using System.Security.Cryptography;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary>Verifies the launch of a SEV or SEV-ES guest by what its host wrote of it.</summary>
internal static class BundleVerification
{
    private const string DigestName = "bundle.launch-digest";
    private const string MeasurementName = "measurement";

    /// <summary>Verifies.</summary>
    /// <param name="options">What the user expects.</param>
    /// <param name="bundle">The host's claims.</param>
    /// <returns>What was found, and the checks without which nothing is proven.</returns>
    internal static (VerificationReport Report, string[] Core) Verify(AttestVerifyOptions options, LaunchBundleFile bundle)
    {
        OptionScope.Refuse("a launch bundle", OptionScope.SnpOnly(options));
        OptionScope.Refuse("a launch bundle", ("--nonce", options.Nonce is not null));
        CheckList checks = new();
        if (bundle.IsSimulated || bundle.Mode == "simulated")
        {
            checks.Add(
                "bundle.simulated",
                options.AllowSimulated,
                options.AllowSimulated
                    ? "simulated: accepted only because it was asked for, it proves nothing about a machine"
                    : "the firmware was the software PSP: --allow-simulated accepts that, for trying things out");
        }

        CheckChain(checks, options, bundle);
        SevFirmwareVersion firmware = CheckFirmware(checks, options, bundle);
        SevPolicy policy = CheckPolicy(checks, options, bundle);
        byte[] digest = CheckDigest(checks, options, bundle);
        using TransportKeys? keys = MeasurementVerification.ReadTik(options);
        if (keys is null)
        {
            checks.NotChecked(MeasurementName, "no TIK was given: without it the bundle is only what the host says");
        }
        else
        {
            checks.Append(new VerificationReport([LaunchMeasure.Verify(bundle.Measurement, keys.Tik, firmware, policy, digest)]));
        }

        return (checks.ToReport(), [DigestName, MeasurementName]);
    }

    private static void CheckChain(CheckList checks, AttestVerifyOptions options, LaunchBundleFile bundle)
    {
        (SevCertificate? cek, AskArk? authority) = CertificateFiles.ReadMissing(options.Cek, options.AskArk);
        SevCertificateChain? chain = options.Certs is { } path ? CertificateFiles.ReadChain("--certs", path, out _) : bundle.Chain;
        if (chain is null)
        {
            checks.NotChecked(
                "ark.pinned", "the bundle has no platform certificates; the session was made for a chain that was verified then");
            return;
        }

        chain = CertificateFiles.Complete(chain, cek, options.Cek, authority);
        checks.Append(SevChainVerifier.Verify(chain, ChainWords.Anchors(options.AllowSimulated)));
    }

    private static SevFirmwareVersion CheckFirmware(CheckList checks, AttestVerifyOptions options, LaunchBundleFile bundle)
    {
        const string Name = "bundle.firmware";
        if (options.Firmware is not { } text)
        {
            checks.NotChecked(Name, $"no version was given; the bundle says {VersionValue.Format(bundle.Firmware)}");
            return bundle.Firmware;
        }

        SevFirmwareVersion wanted = VersionValue.ParseFirmware("--firmware", text);
        bool isSame = wanted == bundle.Firmware;
        checks.Add(Name, isSame, isSame ? text : $"{VersionValue.Format(bundle.Firmware)} instead of {text}");
        return wanted;
    }

    private static SevPolicy CheckPolicy(CheckList checks, AttestVerifyOptions options, LaunchBundleFile bundle)
    {
        const string Name = "bundle.policy";
        bool isEs = bundle.Policy.EncryptedState == (bundle.Kind == "sev-es");
        checks.Add("bundle.kind", isEs, isEs ? bundle.Kind : $"{bundle.Kind} under policy {bundle.Policy}");
        if (options.Policy is not { } text)
        {
            checks.NotChecked(Name, $"no policy was given; the bundle says {bundle.Policy} ({bundle.Policy.ToNames()})");
            return bundle.Policy;
        }

        SevPolicy wanted = PolicyValue.ParseSev("--policy", text);
        checks.Add(Name, wanted == bundle.Policy, wanted == bundle.Policy ? $"{wanted}" : $"{bundle.Policy} instead of {wanted}");
        return wanted;
    }

    // The measurement is computed over what the user expects, not over what the bundle says: only then does it prove it.
    private static byte[] CheckDigest(CheckList checks, AttestVerifyOptions options, LaunchBundleFile bundle)
    {
        string found = Convert.ToHexStringLower(bundle.LaunchDigest);
        if (options.Digests is not { } texts)
        {
            checks.NotChecked(DigestName, $"no launch digest was given ('kvmsev measure' computes it); the bundle says {found}");
            return bundle.LaunchDigest;
        }

        byte[] wanted = LegacyVerification.ParseOne(texts);
        bool isSame = CryptographicOperations.FixedTimeEquals(wanted, bundle.LaunchDigest);
        checks.Add(DigestName, isSame, isSame ? found : $"{found} instead of {Convert.ToHexStringLower(wanted)}");
        return wanted;
    }
}
