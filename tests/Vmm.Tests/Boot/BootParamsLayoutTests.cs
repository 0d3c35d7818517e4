using System.Diagnostics;
using System.Globalization;
using KvmSevVmm.Vmm.Boot;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>The offsets of the zero page against the installed kernel headers.</summary>
public sealed class BootParamsLayoutTests
{
    private static readonly (string Field, int Offset)[] Fields =
    [
        ("e820_entries", BootParams.E820EntryCount),
        ("e820_table", BootParams.E820Table),
        ("edd_mbr_sig_buffer", BootParams.SetupHeaderMostEnd),
        ("hdr", BootParams.SetupHeaderOffset),
        ("hdr.setup_sects", BootParams.SetupSects),
        ("hdr.syssize", BootParams.Syssize),
        ("hdr.boot_flag", BootParams.BootFlag),
        ("hdr.jump", BootParams.Jump),
        ("hdr.header", BootParams.HeaderMagic),
        ("hdr.version", BootParams.Version),
        ("hdr.type_of_loader", BootParams.TypeOfLoader),
        ("hdr.loadflags", BootParams.Loadflags),
        ("hdr.code32_start", BootParams.Code32Start),
        ("hdr.ramdisk_image", BootParams.RamdiskImage),
        ("hdr.ramdisk_size", BootParams.RamdiskSize),
        ("hdr.cmd_line_ptr", BootParams.CommandLinePointer),
        ("hdr.initrd_addr_max", BootParams.InitrdAddrMax),
        ("hdr.kernel_alignment", BootParams.KernelAlignment),
        ("hdr.relocatable_kernel", BootParams.RelocatableKernel),
        ("hdr.xloadflags", BootParams.Xloadflags),
        ("hdr.cmdline_size", BootParams.CommandLineSize),
        ("hdr.hardware_subarch", BootParams.HardwareSubarch),
        ("hdr.payload_offset", BootParams.PayloadOffset),
        ("hdr.payload_length", BootParams.PayloadLength),
        ("hdr.setup_data", BootParams.SetupData),
        ("hdr.pref_address", BootParams.PrefAddress),
        ("hdr.init_size", BootParams.InitSize),
    ];

    [Fact]
    public void Offsets_AreThoseOfTheKernelHeaders()
    {
        const string Header = "/usr/include/x86_64-linux-gnu/asm/bootparam.h";
        Assert.SkipUnless(File.Exists(Header), $"{Header} is not installed (linux-libc-dev)");
        Assert.SkipUnless(File.Exists("/usr/bin/cc"), "no C compiler");
        string directory = Directory.CreateTempSubdirectory("kvmsev-test-").FullName;
        try
        {
            string lines = string.Join('\n', Fields.Select(field =>
                $"printf(\"{field.Field} %zu\\n\", offsetof(struct boot_params, {field.Field}));"));
            File.WriteAllText(
                Path.Combine(directory, "layout.c"),
                "#include <stddef.h>\n#include <stdio.h>\n#include <asm/bootparam.h>\n"
                + $"int main(void) {{ {lines}\n"
                + "printf(\"size %zu %zu\\n\", sizeof(struct boot_params), sizeof(struct boot_e820_entry)); }\n");
            Run("/usr/bin/cc", "-o", Path.Combine(directory, "layout"), Path.Combine(directory, "layout.c"));

            string output = Run(Path.Combine(directory, "layout"));

            IEnumerable<string> expected = Fields.Select(
                field => string.Create(CultureInfo.InvariantCulture, $"{field.Field} {field.Offset}"));
            Assert.Equal([.. expected, "size 4096 20"], output.TrimEnd().Split('\n'));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
