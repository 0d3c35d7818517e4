using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Firmware;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary><c>inspect ovmf</c>: what a firmware image says of itself.</summary>
internal static class InspectOvmfCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<InspectOvmfOptions>(
        "kvmsev inspect ovmf FILE [OPTIONS]",
        """
        Whether the image checks kernel, initrd and command line (kernel-hashes=on),
        takes a launch secret, starts several vCPUs under SEV-ES, and can be launched
        under SEV-SNP; and why not.
        """,
        [
            new VerbExample("Debian's, which cannot check a kernel:", "inspect", "ovmf", "/usr/share/ovmf/OVMF.fd"),
            new VerbExample("For a script:", "inspect", "ovmf", "/usr/share/ovmf/OVMF.fd", "--json"),
        ],
        Execute);

    // The monitor's heap is small; images are a few MiB.
    private const long MaximumSize = 16 << 20;

    private static int Execute(InspectOvmfOptions options, CliContext context)
    {
        byte[] content;
        using (FileStream file = FileKind.OpenInput("FILE", options.File))
        {
            if (file.Length > MaximumSize)
            {
                throw new SevFormatException(options.File, "size", $"{file.Length} bytes; images of up to {MaximumSize} are looked at");
            }

            content = new byte[file.Length];
            file.ReadExactly(content);
        }

        OvmfFirmware firmware = OvmfFirmware.Parse(content, options.File);
        FactSheet sheet = new FactSheet()
            .Add("file", options.File)
            .Add("bytes", content.Length)
            .Add("SHA-256", SHA256.HashData(content))
            .Add("first address", $"0x{firmware.BaseGpa:x}")
            .Add("GUID table", firmware.HasTable)
            .Add("kernel hashes", Reason(firmware.RequireHashArea))
            .Add("SEV-ES with several vCPUs", Reason(() => firmware.RequireSevEsResetAddress()))
            .Add("SEV-SNP", Reason(() => firmware.RequireSnpSections()))
            .Add("secret area", firmware.SecretArea is { } secret ? secret.ToString() : "no");
        AddEntries(sheet, firmware);
        AddSections(sheet, firmware);
        sheet.Write("kvmsev.ovmf/1", options.Json, context);
        return ExitCode.Success;
    }

    private static string Reason<T>(Func<T> require)
    {
        try
        {
            return require() switch
            {
                OvmfArea area => $"yes: {area}",
                uint address => $"yes: reset address 0x{address:x}",
                IReadOnlyList<SnpSection> sections => $"yes: {sections.Count} sections",
                _ => "yes",
            };
        }
        catch (SevFormatException problem)
        {
            return $"no: {problem.Problem}";
        }
    }

    private static void AddEntries(FactSheet sheet, OvmfFirmware firmware)
    {
        IReadOnlyList<FactSheet> entries = sheet.AddSections("entry", firmware.Entries.Count);
        for (int index = 0; index < entries.Count; index++)
        {
            OvmfTableEntry entry = firmware.Entries[index];
            entries[index].Add("GUID", entry.Id.ToString()).Add("name", entry.Name ?? "unknown").Add("data", entry.Data.Span);
        }
    }

    private static void AddSections(FactSheet sheet, OvmfFirmware firmware)
    {
        IReadOnlyList<FactSheet> sections = sheet.AddSections("SNP section", firmware.SnpSections.Count);
        for (int index = 0; index < sections.Count; index++)
        {
            SnpSection section = firmware.SnpSections[index];
            sections[index]
                .Add("type", section.TypeName)
                .Add("start", $"0x{section.Gpa:x}")
                .Add("end", $"0x{section.End:x}");
        }
    }
}
