using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>What lies in the guest's RAM before its first instruction, and how the first vCPU starts.</summary>
public sealed class LoadedImage
{
    private LoadedImage(BootRegisters registers, GpaRange initrd, GpaRange secretPage, IReadOnlyList<LoadedPiece> measured)
    {
        Registers = registers;
        Initrd = initrd;
        SecretPage = secretPage;
        Measured = measured;
    }

    /// <summary>The state that the first vCPU starts with.</summary>
    public BootRegisters Registers { get; }

    /// <summary>Where the kernel is entered.</summary>
    public Gpa EntryPoint => Registers.Entry;

    /// <summary>The initrd's exact place; empty without an initrd.</summary>
    public GpaRange Initrd { get; }

    /// <summary>
    /// A page of zeros that is measured and that a launch secret may replace: the last page of <see cref="Initrd"/>. A secret that is a
    /// cpio archive becomes files of the guest's initial file system. Empty where none was asked for.
    /// </summary>
    public GpaRange SecretPage { get; }

    /// <summary>Everything that was loaded, in the order in which a launch measures it; also labels for the status map.</summary>
    public IReadOnlyList<LoadedPiece> Measured { get; }

    /// <summary>Loads a kernel, its initrd and all that belongs to them into RAM.</summary>
    /// <param name="boot">What to boot.</param>
    /// <param name="memory">The guest's RAM, before any vCPU runs and before a launch encrypts it.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static LoadedImage Load(BootConfig boot, GuestMemory memory)
    {
        using KernelImage kernel = KernelImage.Open(boot.KernelPath);
        using ImageSource? initrd = boot.InitramfsPath is null ? null : ImageSource.Open(boot.InitramfsPath);
        return Load(kernel, initrd, boot.CommandLine, memory, boot.HasSecretPage);
    }

    /// <summary>Loads a kernel, its initrd and all that belongs to them into RAM.</summary>
    /// <param name="kernel">The kernel; stays the caller's.</param>
    /// <param name="initrd">The initrd, or null; stays the caller's.</param>
    /// <param name="commandLine">The command line, as the user wrote it.</param>
    /// <param name="memory">The guest's RAM, before any vCPU runs and before a launch encrypts it.</param>
    /// <param name="hasSecretPage">Whether the initrd ends with <see cref="SecretPage"/>.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    public static LoadedImage Load(
        KernelImage kernel, ImageSource? initrd, string commandLine, GuestMemory memory, bool hasSecretPage = false)
    {
        if (hasSecretPage && initrd is null)
        {
            throw new InvalidInputException("--secret-page", "initramfs", "the page is the initrd's last, and there is no initrd");
        }

        // Everything is decided before anything is written.
        KernelCommandLine line = KernelCommandLine.Create(commandLine, kernel.CommandLineLimit);
        KernelPlacement placement = kernel.Place(memory.Layout);
        GpaRange initrdRange = initrd is null
            ? default
            : Boot.Initrd.Place(initrd, memory.Layout, placement.End, kernel.InitrdAddressMax, hasSecretPage);

        List<LoadedPiece> measured = [];
        foreach (GpaRange pages in kernel.Load(memory, placement))
        {
            measured.Add(new LoadedPiece("kernel", pages));
        }

        if (initrd is not null)
        {
            measured.Add(new LoadedPiece("initrd", Boot.Initrd.Load(initrd, memory, initrdRange.Start)));
        }

        GpaRange secretPage = default;
        if (hasSecretPage)
        {
            secretPage = GpaRange.FromBounds(initrdRange.End.Value - GuestPage.Size, initrdRange.End.Value);
            memory.Clear(secretPage);
            measured.Add(new LoadedPiece("secret page", secretPage));
        }

        measured.Add(new LoadedPiece("command line", line.Write(memory)));
        bool isPvh = placement.Protocol == BootProtocol.Pvh32;
        ulong cr3 = 0;
        if (isPvh)
        {
            measured.Add(new LoadedPiece("start info", PvhStartInfo.Write(memory, initrdRange)));
        }
        else
        {
            measured.Add(new LoadedPiece("zero page", BootParams.Write(memory, kernel.SetupHeader, initrdRange)));
            cr3 = BootPageTables.Write(memory, out GpaRange tables);
            measured.Add(new LoadedPiece("page tables", tables));
        }

        GpaRange gdt = BootGdt.Write(memory);
        measured.Add(new LoadedPiece("GDT", gdt));
        BootRegisters registers = new(
            placement.Protocol,
            placement.Entry,
            Rsi: isPvh ? 0 : GuestLayout.ZeroPageAddress,
            Rbx: isPvh ? GuestLayout.StartInfoAddress : 0,
            cr3,
            gdt.Start,
            BootGdt.Size - 1);
        return new LoadedImage(registers, initrdRange, secretPage, measured);
    }
}
