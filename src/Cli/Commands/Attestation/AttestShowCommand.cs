using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Commands.Attestation;

/// <summary><c>attest show</c>: every field of a report.</summary>
internal static class AttestShowCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<AttestShowOptions>(
        "kvmsev attest show REPORT [OPTIONS]",
        """
        A report of SEV and SEV-ES (208 bytes) or of SEV-SNP (1184 bytes, versions 2, 3
        and 5). Nothing of what it prints is verified; 'kvmsev attest verify' does that.
        """,
        [
            new VerbExample("What does it say?", "attest", "show", "report.bin"),
            new VerbExample("For a script:", "attest", "show", "report.bin", "--json"),
        ],
        static (options, context) => Show(
            options.Report,
            options.Product is { } name ? ProductValue.Parse("--product", name) : null,
            options,
            context));

    /// <summary>Shows a report.</summary>
    /// <param name="path">The file.</param>
    /// <param name="product">Of which processors, for a report of version 2; or null.</param>
    /// <param name="options">Whether programs read it.</param>
    /// <param name="context">Takes it.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    internal static int Show(string path, SevGeneration? product, CommonOptions options, CliContext context)
    {
        byte[] content = InputBlob.ReadContent("REPORT", path);
        FactSheet sheet = new FactSheet().Add("file", path);
        if (TryParseLegacy(content, path, out LegacyAttestationReport? legacy, out string? encoding))
        {
            ReportFacts.Describe(sheet.Add("kind", "SEV attestation report").Add("encoding", encoding), legacy);
        }
        else
        {
            SnpReportFile file = SnpReportFile.Parse(content, path);
            ReportFacts.Describe(sheet.Add("kind", "SEV-SNP attestation report").Add("encoding", file.Container), file.Report, product);
            if (file.Azure is { } azure)
            {
                sheet.AddSection("HCL blob")
                    .Add("run-time data hash", azure.Hash.Name)
                    .Add("run-time data", System.Text.Encoding.UTF8.GetString(azure.RuntimeData));
            }
        }

        sheet.Write("kvmsev.report/1", options.Json, context);
        return ExitCode.Success;
    }

    /// <summary>Reads a report of SEV or SEV-ES, raw or base64, where the file's size says that it is one.</summary>
    /// <param name="content">The file's content.</param>
    /// <param name="path">The file, for messages.</param>
    /// <param name="report">The report.</param>
    /// <param name="encoding">How the file held it.</param>
    internal static bool TryParseLegacy(
        byte[] content,
        string path,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out LegacyAttestationReport? report,
        out string? encoding)
    {
        EncodedBlob blob = content.Length == LegacyAttestationReport.Size
            ? new EncodedBlob(content, BlobEncoding.Raw)
            : EncodedBlob.DecodeAny(content);
        bool isOne = blob.Bytes.Length == LegacyAttestationReport.Size;
        report = isOne ? LegacyAttestationReport.Parse(blob.Bytes, path) : null;
        encoding = isOne ? blob.EncodingName : null;
        return isOne;
    }
}
