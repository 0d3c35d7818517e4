using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Sessions;

namespace KvmSevVmm.Cli.Commands.Secrets;

/// <summary><c>secret package</c>: the owner's part of LAUNCH_SECRET.</summary>
internal static class SecretPackageCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<SecretPackageOptions>(
        "kvmsev secret package --measurement M --tek FILE --tik FILE [OPTIONS]",
        """
        Verify the measurement first: the secret opens for whatever was launched. M is
        what LAUNCH_MEASURE returned: base64 text, a file of it, or a launch bundle.

          table  GUID and data, entry by entry, as OVMF and Linux's efi_secret read
                 it (sevctl's form). It goes to the firmware's secret area.
          cpio   files for the guest's initramfs: run the guest with --secret-page,
                 which takes at most 4096 bytes.
          raw    the bytes as they are.

        A secret is padded with zeros to 16 bytes and has at most 16384 bytes (QEMU's
        and sevctl's limit; AMD's firmware takes 20480).
        """,
        [
            new VerbExample(
                "A disk's passphrase, as Linux's efi_secret finds it:",
                "secret", "package", "--measurement", "measurement.b64", "--tek", "vm_tek.bin", "--tik", "vm_tik.bin",
                "--entry", "736869e5-84f0-4973-92ec-06879ce3da0b:correct horse"),
            new VerbExample(
                "A file for the initramfs:",
                "secret", "package", "--measurement", "measurement.b64", "--tek", "vm_tek.bin", "--tik", "vm_tik.bin",
                "--format", "cpio", "--file", "etc/disk.key=disk.key"),
        ],
        Execute);

    private const int PageSize = 4096;

    private static int Execute(SecretPackageOptions options, CliContext context)
    {
        LaunchMeasurement measurement = MeasurementValue.Read("--measurement", options.Measurement, out string source);
        using TransportKeys keys = options.Tk is { } both
            ? TransportKeyFiles.ReadBoth("--tk", both)
            : TransportKeyFiles.Read("--tek", options.Tek!, "--tik", options.Tik!);
        (byte[] secret, IReadOnlyList<string> parts) = SecretContent.Compose(options, context);
        TransportPacket packet;
        try
        {
            packet = LaunchSecret.Package(keys, measurement, secret, SystemRandomSource.Instance);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }

        Write(options, packet, context);
        new FactSheet()
            .Add("header", options.Header)
            .Add("secret", options.Secret)
            .Add("encoding", options.Base64 ? "base64" : "raw")
            .Add("format", options.ParsedFormat.ToString().ToLowerInvariant())
            .Add("bytes", packet.Data.Length)
            .Add("parts", parts)
            .Add("measurement", measurement.ToString())
            .Add("measurement source", source)
            .Write("kvmsev.secret-package/1", options.Json, context);
        if (options.ParsedFormat == SecretFormat.Cpio && packet.Data.Length > PageSize && !options.Quiet)
        {
            context.Error.WriteLine($"kvmsev: {packet.Data.Length} bytes are more than the {PageSize} that 'run --secret-page' offers");
        }

        return ExitCode.Success;
    }

    // Both files are opened before either is put in place: a header without its secret is of no use to anybody.
    private static void Write(SecretPackageOptions options, TransportPacket packet, CliContext context)
    {
        BlobEncoding encoding = options.Base64 ? BlobEncoding.Base64 : BlobEncoding.Raw;
        using OutputFile header = OutputFile.Open("--header", options.Header, context.Output);
        using OutputFile data = OutputFile.Open("--secret", options.Secret, context.Output);
        header.Stream.Write(OutputBlob.Encode(packet.Header.ToArray(), encoding));
        data.Stream.Write(OutputBlob.Encode(packet.Data.ToArray(), encoding));
        header.Commit();
        data.Commit();
    }
}
