using System.Globalization;
using System.Text;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Cli.Values;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Measurement;

namespace KvmSevVmm.Cli.Commands.Measure;

/// <summary><c>measure</c>: launch digests and measurements beforehand, and what is wrong where they differ.</summary>
internal static class MeasureCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<MeasureOptions>(
        "kvmsev measure --sev MODE {--kernel FILE | --firmware FILE} [OPTIONS]",
        """
        Prints one line: the launch digest (hex), or with --tik and a nonce the
        measurement with its nonce (base64), as LAUNCH_MEASURE returns it.

        Without --firmware the kernel is loaded as 'run' loads it, and the digest is
        that of 'run' with the same files, --memory, --cpus and --sev. The C-bit stands
        in the guest's page tables: give the host's as cbitpos (51 on EPYC since Milan,
        47 before). With --firmware the digests are those of QEMU, EC2 and GCE. Values
        are hex or base64, or the name of a file with hex, base64 or the bytes
        themselves.

        Exit codes: 0 done, and all that was expected came out; 1 it did not; 64 usage;
        65 bad input; 66 no such file.
        """,
        [
            new VerbExample(
                "What will the host measure?",
                "measure", "--sev", "sev,cbitpos=51", "--kernel", "vmlinuz", "--initramfs", "initrd.img", "--cmdline", "console=ttyS0"),
            new VerbExample(
                "Is this the guest I sent? (the measurement as QEMU and run print it)",
                "measure", "--sev", "sev,policy=0x1", "--firmware", "OVMF.fd", "--tik", "vm_tik.bin", "--firmware-version", "1.55.25",
                "--measurement", "measurement.b64"),
            new VerbExample(
                "A SEV-SNP guest, page by page:",
                "measure", "--sev", "sev-snp", "--firmware", "OVMF.fd", "--cpus", "4", "--cpu-model", "EPYC-Milan", "--explain"),
            new VerbExample(
                "And the ID block that lets the firmware start no other:",
                "measure", "--sev", "sev-snp,policy=0x30000", "--firmware", "OVMF.fd", "--cpu-model", "EPYC-Milan",
                "--id-key", "id_key.pem", "--id-block", "id-block.b64", "--id-auth", "id-auth.b64"),
        ],
        Execute);

    private static int Execute(MeasureOptions options, CliContext context)
    {
        CryptoSupport.EnsureAvailable();
        bool? asBase64 = options.Format is string format
            ? ChoiceValue.Parse<bool?>("--format", format, ("hex", false), ("base64", true))
            : null;
        using MeasurePlan plan = MeasurePlan.Create(options);
        Say(plan.Notes, options, context);

        // Opened before the work is done: a path that cannot be written is known at once.
        using OutputFile? blockFile = options.IdBlock is string blockPath ? OutputFile.Open("--id-block", blockPath, context.Output) : null;
        using OutputFile? authFile = options.IdAuth is string authPath ? OutputFile.Open("--id-auth", authPath, context.Output) : null;
        List<MeasuredStep>? steps = options.Explain ? [] : null;
        byte[] digest;
        using (ProgressLine progress = new(context, options.Quiet, "measuring", plan.Subject.ProgressTotal))
        {
            digest = plan.Subject.Compute(steps, progress);
        }

        LaunchMeasurement? measurement = plan.Key is { } key && plan.Nonce is { } nonce ? key.Measure(digest, nonce) : null;
        (IdBlock Block, IdAuthentication Authentication)? idBlock = plan.IdBlock?.Sign(digest, plan.SnpPolicy);
        List<MeasureDocument.ExpectationPart> expectations =
            [.. plan.Comparisons, .. plan.Expectations.Select(one => Compare(one, digest, plan, options, context))];
        blockFile?.WriteAll(stream => stream.Write(Encoding.ASCII.GetBytes($"{idBlock!.Value.Block}\n")));
        authFile?.WriteAll(stream => stream.Write(Encoding.ASCII.GetBytes($"{idBlock!.Value.Authentication}\n")));
        MeasureDocument document = MakeDocument(plan, digest, measurement, idBlock, expectations, steps);
        if (options.Json)
        {
            document.Write(context.Output);
        }
        else
        {
            context.Write(MeasureText.Write(document, steps, asBase64, withBlocks: blockFile is null && authFile is null));
        }

        Say(MeasureText.Explain(document), options, context);
        return expectations.TrueForAll(static one => one.Matches) ? ExitCode.Success : ExitCode.Failure;
    }

    private static void Say(IEnumerable<string> words, MeasureOptions options, CliContext context)
    {
        if (options.Quiet)
        {
            return;
        }

        foreach (string line in words)
        {
            context.Error.WriteLine($"kvmsev: {OneLine.Clean(line)}");
        }
    }

    private static MeasureDocument.ExpectationPart Compare(
        Expectation expectation, byte[] digest, MeasurePlan plan, MeasureOptions options, CliContext context)
    {
        string value = expectation.IsBlob ? EncodedBlob.ToBase64(expectation.Bytes) : Convert.ToHexStringLower(expectation.Bytes);
        if (expectation.IsMetBy(digest))
        {
            return new MeasureDocument.ExpectationPart(expectation.Option, value, true, null, null);
        }

        using ProgressLine progress = new(context, options.Quiet, "trying the known variants,", 0);
        LaunchVariant? variant = expectation.Explain(plan.Subject, digest);
        return new MeasureDocument.ExpectationPart(
            expectation.Option,
            value,
            false,
            variant?.Differences,
            variant is null ? null : Convert.ToHexStringLower(variant.Digest.Span));
    }

    private static MeasureDocument MakeDocument(
        MeasurePlan plan,
        byte[] digest,
        LaunchMeasurement? measurement,
        (IdBlock Block, IdAuthentication Authentication)? idBlock,
        IReadOnlyList<MeasureDocument.ExpectationPart> expectations,
        IReadOnlyList<MeasuredStep>? steps)
    {
        bool isSnp = plan.Sev.Mode == LaunchMode.Snp;
        return new MeasureDocument(
            MeasureDocument.SchemaName,
            MeasureSev.WordFor(plan.Sev.Mode),
            plan.Sev.IsSimulated,
            plan.Subject.Launch,
            Convert.ToHexStringLower(digest),
            isSnp ? plan.SnpPolicy.ToString() : plan.Policy.ToString(),
            isSnp ? plan.SnpPolicy.Describe() : plan.Policy.Describe(),
            measurement is null
                ? null
                : new MeasureDocument.MeasurementPart(
                    VersionValue.Format(plan.Key!.Firmware),
                    Convert.ToHexStringLower(measurement.Nonce),
                    Convert.ToHexStringLower(measurement.Measure),
                    measurement.ToString()),
            expectations,
            idBlock is { } signed
                ? new MeasureDocument.IdBlockPart(
                    signed.Block.ToString(),
                    signed.Authentication.ToString(),
                    Convert.ToHexStringLower(signed.Authentication.GetIdKeyDigest()),
                    Convert.ToHexStringLower(signed.Authentication.GetAuthorKeyDigest()))
                : null,
            steps?.Select(static step => new MeasureDocument.PiecePart(
                step.Label,
                step.Kind,
                step.Gpa is ulong gpa ? "0x" + gpa.ToString("x", CultureInfo.InvariantCulture) : null,
                step.Size,
                Convert.ToHexStringLower(step.ContentsHash.Span),
                Convert.ToHexStringLower(step.DigestAfter.Span))).ToArray());
    }
}
