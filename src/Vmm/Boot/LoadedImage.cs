using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>What lies in the guest's RAM before its first instruction, and how the first vCPU starts.</summary>
public sealed class LoadedImage
{
    private LoadedImage(
        BootRegisters registers,
        GpaRange initrd,
        IReadOnlyList<LoadedPiece> measured,
        GpaRange secretArea,
        GuestFirmware? firmware = null)
    {
        Registers = registers;
        Initrd = initrd;
        SecretArea = secretArea;
        Measured = measured;
        Firmware = firmware;
    }

    /// <summary>The state that the first vCPU starts with.</summary>
    public BootRegisters Registers { get; }

    /// <summary>Where the kernel is entered.</summary>
    public Gpa EntryPoint => Registers.Entry;

    /// <summary>The initrd's exact place; empty without an initrd.</summary>
    public GpaRange Initrd { get; }

    /// <summary>
    /// Where the guest looks for a launch secret; empty for nowhere. Without firmware it is the initrd's last page, if that was asked for:
    /// a measured page of zeros, and a secret there that is a cpio archive becomes files of the guest's initial file system.
    /// </summary>
    public GpaRange SecretArea { get; }

    /// <summary>Everything that was loaded, in the order in which a launch measures it; also labels for the status map.</summary>
    public IReadOnlyList<LoadedPiece> Measured { get; }

    /// <summary>The firmware that the guest starts with; null for a kernel that is entered directly.</summary>
    public GuestFirmware? Firmware { get; }

    /// <summary>Loads firmware; it fetches kernel and initrd itself.</summary>
    /// <param name="firmware">The firmware.</param>
    /// <param name="memory">The guest's RAM, laid out with room for the image.</param>
    /// <exception cref="InvalidInputException">The image does not fit this machine; names the field.</exception>
    public static LoadedImage LoadFirmware(GuestFirmware firmware, GuestMemory memory) => new(
        new BootRegisters(BootProtocol.ResetVector, new Gpa(firmware.GetStartAddress(0)), 0, 0, 0, default, ushort.MaxValue),
        default,
        firmware.Load(memory),
        firmware.SecretArea,
        firmware);

    /// <summary>Loads a kernel, its initrd and all that belongs to them into RAM.</summary>
    /// <param name="boot">What to boot.</param>
    /// <param name="acpi">The machine's tables: they are loaded, and measured, with the rest.</param>
    /// <param name="memory">The guest's RAM, before any vCPU runs and before a launch encrypts it.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static LoadedImage Load(BootConfig boot, AcpiTables acpi, GuestMemory memory)
    {
        using KernelImage kernel = KernelImage.Open(boot.KernelPath ?? throw new ArgumentException("There is no kernel.", nameof(boot)));
        using ImageSource? initrd = boot.InitramfsPath is null ? null : ImageSource.Open(boot.InitramfsPath);
        return Load(kernel, initrd, boot.CommandLine, memory, acpi, boot.HasSecretPage);
    }

    /// <summary>Loads a kernel, its initrd and all that belongs to them into RAM.</summary>
    /// <param name="kernel">The kernel; stays the caller's.</param>
    /// <param name="initrd">The initrd, or null; stays the caller's.</param>
    /// <param name="commandLine">The command line, as the user wrote it.</param>
    /// <param name="memory">The guest's RAM, before any vCPU runs and before a launch encrypts it.</param>
    /// <param name="acpi">The machine's tables, or null for a machine without ACPI.</param>
    /// <param name="hasSecretPage">Whether the initrd ends with a page for a secret.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    public static LoadedImage Load(
        KernelImage kernel,
        ImageSource? initrd,
        string commandLine,
        GuestMemory memory,
        AcpiTables? acpi = null,
        bool hasSecretPage = false)
    {
        KernelCommandLine line = CreateCommandLine(kernel, commandLine);
        ImagePlacement placement = PlaceFiles(kernel, initrd, memory.Layout, hasSecretPage);
        List<LoadedPiece> measured = [];
        foreach (GpaRange pages in kernel.Load(memory, placement.Kernel))
        {
            measured.Add(new LoadedPiece(LoadedPiece.Kernel, pages));
        }

        if (initrd is not null)
        {
            measured.Add(new LoadedPiece(LoadedPiece.Initrd, Boot.Initrd.Load(initrd, memory, placement.Initrd.Start)));
        }

        return WriteBootData(kernel, line, placement, acpi, memory, measured);
    }

    /// <summary>
    /// Does all of <see cref="Load(KernelImage, ImageSource?, string, GuestMemory, AcpiTables?, bool)"/> but reading the contents of the
    /// two files, which then also lack in <see cref="Measured"/>.
    /// </summary>
    /// <param name="kernel">The kernel; stays the caller's.</param>
    /// <param name="initrd">The initrd, or null; stays the caller's.</param>
    /// <param name="commandLine">The command line, as the user wrote it.</param>
    /// <param name="memory">RAM of which only the boot structures are written.</param>
    /// <param name="acpi">The machine's tables, or null for a machine without ACPI.</param>
    /// <param name="hasSecretPage">Whether the initrd ends with a page for a secret.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    internal static LoadedImage LoadWithoutFiles(
        KernelImage kernel, ImageSource? initrd, string commandLine, GuestMemory memory, AcpiTables? acpi, bool hasSecretPage)
    {
        KernelCommandLine line = CreateCommandLine(kernel, commandLine);
        return WriteBootData(kernel, line, PlaceFiles(kernel, initrd, memory.Layout, hasSecretPage), acpi, memory, []);
    }

    private static KernelCommandLine CreateCommandLine(KernelImage kernel, string text) =>
        KernelCommandLine.Create(kernel.CommandLinePrefix is string prefix ? $"{prefix} {text}" : text, kernel.CommandLineLimit);

    // Everything is decided before anything is written.
    private static ImagePlacement PlaceFiles(KernelImage kernel, ImageSource? initrd, GuestLayout layout, bool hasSecretPage)
    {
        if (hasSecretPage && initrd is null)
        {
            throw new InvalidInputException("--secret-page", "initramfs", "the page is the initrd's last, and there is no initrd");
        }

        KernelPlacement placement = kernel.Place(layout);
        GpaRange range = initrd is null
            ? default
            : Boot.Initrd.Place(initrd, layout, placement.End, kernel.InitrdAddressMax, hasSecretPage);
        return new ImagePlacement(
            placement, range, hasSecretPage ? GpaRange.FromBounds(range.End.Value - GuestPage.Size, range.End.Value) : default);
    }

    private static LoadedImage WriteBootData(
        KernelImage kernel,
        KernelCommandLine line,
        ImagePlacement placement,
        AcpiTables? acpi,
        GuestMemory memory,
        List<LoadedPiece> measured)
    {
        if (!placement.SecretPage.IsEmpty)
        {
            memory.Clear(placement.SecretPage);
            measured.Add(new LoadedPiece("secret page", placement.SecretPage));
        }

        measured.Add(new LoadedPiece("command line", line.Write(memory)));
        ulong rsdp = 0;
        if (acpi is not null)
        {
            rsdp = GuestLayout.AcpiTablesAddress;
            measured.Add(new LoadedPiece("ACPI tables", WriteTables(acpi, memory)));
            measured.Add(new LoadedPiece("reset vector", ResetVector.Write(memory)));
        }

        ulong cr3 = 0;
        switch (placement.Kernel.Protocol)
        {
            case BootProtocol.Pvh32:
                measured.Add(new LoadedPiece("start info", PvhStartInfo.Write(memory, placement.Initrd, rsdp)));
                break;
            case BootProtocol.Multiboot32:
                measured.Add(new LoadedPiece("multiboot info", MultibootInfo.Write(memory, placement.Initrd)));
                break;
            default:
                measured.Add(new LoadedPiece("zero page", BootParams.Write(memory, kernel.SetupHeader, placement.Initrd, rsdp)));
                cr3 = BootPageTables.Write(memory, out GpaRange tables);
                measured.Add(new LoadedPiece("page tables", tables));
                break;
        }

        GpaRange gdt = BootGdt.Write(memory);
        measured.Add(new LoadedPiece("GDT", gdt));
        BootRegisters registers = new(
            placement.Kernel.Protocol,
            placement.Kernel.Entry,
            Rsi: placement.Kernel.Protocol == BootProtocol.Linux64 ? GuestLayout.ZeroPageAddress : 0,
            Rbx: placement.Kernel.Protocol switch
            {
                BootProtocol.Pvh32 => GuestLayout.StartInfoAddress,
                BootProtocol.Multiboot32 => GuestLayout.MultibootInfoAddress,
                _ => 0,
            },
            cr3,
            gdt.Start,
            BootGdt.Size - 1)
        {
            Rax = placement.Kernel.Protocol == BootProtocol.Multiboot32 ? MultibootInfo.LoaderMagic : 0,
        };
        return new LoadedImage(registers, placement.Initrd, measured, placement.SecretPage);
    }

    private static GpaRange WriteTables(AcpiTables acpi, GuestMemory memory)
    {
        byte[] image = acpi.Place(GuestLayout.AcpiTablesAddress);
        if (image.Length > GuestLayout.AcpiTablesCapacity)
        {
            throw new InvalidInputException(
                "devices", "ACPI tables", $"{image.Length} bytes are more than the {GuestLayout.AcpiTablesCapacity} set aside for them");
        }

        GpaRange pages = new(new Gpa(GuestLayout.AcpiTablesAddress), GuestPage.RoundUp((ulong)image.Length));
        memory.Clear(pages);
        memory.Write(pages.Start, image);
        return pages;
    }

    /// <summary>Where the files go.</summary>
    private readonly record struct ImagePlacement(KernelPlacement Kernel, GpaRange Initrd, GpaRange SecretPage);
}
