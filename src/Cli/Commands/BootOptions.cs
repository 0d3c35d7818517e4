using CommandLine;

namespace KvmSevVmm.Cli.Commands;

/// <summary>What a guest boots: <c>run</c> loads it and <c>measure</c> measures it.</summary>
internal abstract class BootOptions : DeviceOptions
{
    /// <summary>The kernel.</summary>
    [Option("kernel", MetaValue = "FILE", HelpText = "Kernel to boot: bzImage, ELF or multiboot image. May be left out with --firmware.")]
    public string? Kernel { get; set; }

    /// <summary>The initial RAM disk, in whichever spelling it was given once <see cref="Validate"/> has run.</summary>
    [Option("initramfs", MetaValue = "FILE", HelpText = "Initial RAM disk. Also: --initrd.")]
    public string? Initramfs { get; set; }

    /// <summary>The same in QEMU's spelling.</summary>
    [Option("initrd", Hidden = true)]
    public string? Initrd { get; set; }

    /// <summary>The kernel's command line, in whichever spelling it was given once <see cref="Validate"/> has run.</summary>
    [Option("cmdline", MetaValue = "TEXT", HelpText = "Kernel command line. Also: --append.")]
    public string? CommandLine { get; set; }

    /// <summary>The same in QEMU's spelling.</summary>
    [Option("append", Hidden = true)]
    public string? Append { get; set; }

    /// <summary>Whether the initrd ends with a page for a secret.</summary>
    [Option("secret-page", HelpText = "End the initial RAM disk with a measured page of zeros that a launch secret may replace.")]
    public bool SecretPage { get; set; }

    /// <inheritdoc/>
    internal override void Validate()
    {
        base.Validate();
        RefuseBoth("--initramfs", Initramfs, "--initrd", Initrd);
        RefuseBoth("--cmdline", CommandLine, "--append", Append);
        Initramfs ??= Initrd;
        CommandLine ??= Append;
    }
}
