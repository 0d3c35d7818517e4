using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary>Refuses options of <c>measure</c> that have no meaning beside each other, so that nobody believes they were heeded.</summary>
internal static class MeasureOptionCheck
{
    /// <summary>Checks the options.</summary>
    /// <param name="options">The options.</param>
    /// <param name="mode">How the guest is protected.</param>
    /// <exception cref="UsageException">One has no meaning.</exception>
    internal static void Check(MeasureOptions options, LaunchMode mode)
    {
        CheckSubject(options, mode);
        if (mode == LaunchMode.Snp)
        {
            Refuse(
                "SEV-SNP, whose measurement is the launch digest itself",
                ("--tik", options.Tik),
                ("--tk", options.Tk),
                ("--nonce", options.Nonce),
                ("--measurement", options.Measurement),
                ("--firmware-version", options.FirmwareVersion));
        }
        else
        {
            Refuse(
                "SEV and SEV-ES",
                ("--ovmf-hash", options.OvmfHash),
                ("--firmware-only", options.FirmwareOnly ? string.Empty : null),
                ("--id-key", options.IdKey));
        }

        if (mode == LaunchMode.Sev)
        {
            Refuse("SEV, which measures no registers", ("--vmsa-cpu0", options.VmsaCpu0), ("--vmsa-cpu1", options.VmsaCpu1));
        }

        CheckMeasurement(options);
        if (options.IdKey is null)
        {
            Refuse(
                "a launch without --id-key",
                ("--author-key", options.AuthorKey),
                ("--family-id", options.FamilyId),
                ("--image-id", options.ImageId),
                ("--guest-svn", options.GuestSvn),
                ("--id-block", options.IdBlock),
                ("--id-auth", options.IdAuth));
        }
    }

    private static void CheckSubject(MeasureOptions options, LaunchMode mode)
    {
        if (options.LaunchDigest is not null)
        {
            Refuse(
                "--launch-digest",
                ("--kernel", options.Kernel),
                ("--firmware", options.Firmware),
                ("--bundle", options.Bundle),
                ("--initramfs", options.Initramfs),
                ("--cmdline", options.CommandLine),
                ("--secret-page", options.SecretPage ? string.Empty : null),
                ("--explain", options.Explain ? string.Empty : null));
            return;
        }

        if (options.Firmware is null)
        {
            if (mode == LaunchMode.Snp)
            {
                throw new UsageException("--firmware is required with SEV-SNP", "a SEV-SNP guest starts with firmware such as OVMF.fd");
            }

            if (options.Kernel is null)
            {
                throw new UsageException("nothing to measure", "give --kernel, --firmware or --launch-digest");
            }

            Refuse(
                "a launch without --firmware",
                ("--vmm", options.Vmm),
                ("--sev-features", options.SevFeatures),
                ("--vmsa-cpu0", options.VmsaCpu0),
                ("--vmsa-cpu1", options.VmsaCpu1));
        }
        else
        {
            Refuse("--firmware, which has a place of its own for a secret", ("--secret-page", options.SecretPage ? string.Empty : null));
        }

        if (options.Firmware is not null && options.Kernel is null)
        {
            Refuse("a launch without --kernel", ("--initramfs", options.Initramfs), ("--cmdline", options.CommandLine));
        }
    }

    private static void CheckMeasurement(MeasureOptions options)
    {
        if (options.Tik is not null && options.Tk is not null)
        {
            throw new UsageException("--tik and --tk give the same key; give one of them");
        }

        if (options.Nonce is not null && options.Measurement is not null)
        {
            throw new UsageException("--nonce and --measurement contradict each other", "the measurement holds its nonce");
        }

        if (options.Tik is null && options.Tk is null)
        {
            Refuse(
                "a launch without --tik",
                ("--nonce", options.Nonce),
                ("--measurement", options.Measurement),
                ("--firmware-version", options.FirmwareVersion));
        }
    }

    private static void Refuse(string where, params ReadOnlySpan<(string Option, string? Value)> options)
    {
        foreach ((string option, string? value) in options)
        {
            if (value is not null)
            {
                throw new UsageException($"{option} has no meaning with {where}");
            }
        }
    }
}
