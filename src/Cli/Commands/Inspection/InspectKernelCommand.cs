using System.Security.Cryptography;
using KvmSevVmm.Cli.Output;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Vmm.Boot;

namespace KvmSevVmm.Cli.Commands.Inspection;

/// <summary><c>inspect kernel</c>: the headers that decide how a kernel is loaded.</summary>
internal static class InspectKernelCommand
{
    /// <summary>The verb.</summary>
    internal static readonly Verb Verb = Verb.Create<InspectKernelOptions>(
        "kvmsev inspect kernel FILE [OPTIONS]",
        """
        The SHA-256 is that of the whole file, as firmware checks it with
        kernel-hashes=on. Fields have the names of Linux's boot protocol or of the ELF
        specification.
        """,
        [
            new VerbExample("What is this file?", "inspect", "kernel", "/boot/vmlinuz"),
            new VerbExample("For a script:", "inspect", "kernel", "/boot/vmlinuz", "--json"),
        ],
        Execute);

    private static int Execute(InspectKernelOptions options, CliContext context)
    {
        // Looked at first: a FIFO or a directory gets its own words.
        using (FileStream content = FileKind.OpenInput("FILE", options.File))
        using (KernelImage kernel = KernelImage.Open(options.File))
        {
            FactSheet sheet = new FactSheet()
                .Add("file", options.File)
                .Add("format", kernel.Format)
                .Add("bytes", content.Length)
                .Add("SHA-256", SHA256.HashData(content));
            FactSheet fields = sheet.AddSection("header");
            foreach (KernelField field in kernel.Fields)
            {
                fields.Add(field.Name, field.Value);
            }

            sheet.Write("kvmsev.kernel/1", options.Json, context);
        }

        return ExitCode.Success;
    }
}
