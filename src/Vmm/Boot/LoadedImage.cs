using KvmSevVmm.Vmm.Acpi;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Boot;

/// <summary>What lies in the guest's RAM before its first instruction, and how the first vCPU starts.</summary>
public sealed class LoadedImage
{
    private LoadedImage(BootRegisters registers, GpaRange initrd, IReadOnlyList<LoadedPiece> measured)
    {
        Registers = registers;
        Initrd = initrd;
        Measured = measured;
    }

    /// <summary>The state that the first vCPU starts with.</summary>
    public BootRegisters Registers { get; }

    /// <summary>Where the kernel is entered.</summary>
    public Gpa EntryPoint => Registers.Entry;

    /// <summary>The initrd's exact place; empty without an initrd.</summary>
    public GpaRange Initrd { get; }

    /// <summary>Everything that was loaded, in the order in which a launch measures it; also labels for the status map.</summary>
    public IReadOnlyList<LoadedPiece> Measured { get; }

    /// <summary>Loads a kernel, its initrd and all that belongs to them into RAM.</summary>
    /// <param name="boot">What to boot.</param>
    /// <param name="acpi">The machine's tables: they are loaded, and measured, with the rest.</param>
    /// <param name="memory">The guest's RAM, before any vCPU runs and before a launch encrypts it.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    /// <exception cref="FileNotFoundException">A file does not exist.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static LoadedImage Load(BootConfig boot, AcpiTables acpi, GuestMemory memory)
    {
        using KernelImage kernel = KernelImage.Open(boot.KernelPath);
        using ImageSource? initrd = boot.InitramfsPath is null ? null : ImageSource.Open(boot.InitramfsPath);
        return Load(kernel, initrd, boot.CommandLine, memory, acpi);
    }

    /// <summary>Loads a kernel, its initrd and all that belongs to them into RAM.</summary>
    /// <param name="kernel">The kernel; stays the caller's.</param>
    /// <param name="initrd">The initrd, or null; stays the caller's.</param>
    /// <param name="commandLine">The command line, as the user wrote it.</param>
    /// <param name="memory">The guest's RAM, before any vCPU runs and before a launch encrypts it.</param>
    /// <param name="acpi">The machine's tables, or null for a machine without ACPI.</param>
    /// <exception cref="InvalidInputException">A file or the command line does not fit this machine; names the field.</exception>
    public static LoadedImage Load(
        KernelImage kernel, ImageSource? initrd, string commandLine, GuestMemory memory, AcpiTables? acpi = null)
    {
        // Everything is decided before anything is written.
        string text = kernel.CommandLinePrefix is string prefix ? $"{prefix} {commandLine}" : commandLine;
        KernelCommandLine line = KernelCommandLine.Create(text, kernel.CommandLineLimit);
        KernelPlacement placement = kernel.Place(memory.Layout);
        GpaRange initrdRange = initrd is null
            ? default
            : Boot.Initrd.Place(initrd, memory.Layout, placement.End, kernel.InitrdAddressMax);

        List<LoadedPiece> measured = [];
        foreach (GpaRange pages in kernel.Load(memory, placement))
        {
            measured.Add(new LoadedPiece("kernel", pages));
        }

        if (initrd is not null)
        {
            measured.Add(new LoadedPiece("initrd", Boot.Initrd.Load(initrd, memory, initrdRange)));
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
        switch (placement.Protocol)
        {
            case BootProtocol.Pvh32:
                measured.Add(new LoadedPiece("start info", PvhStartInfo.Write(memory, initrdRange, rsdp)));
                break;
            case BootProtocol.Multiboot32:
                measured.Add(new LoadedPiece("multiboot info", MultibootInfo.Write(memory, initrdRange)));
                break;
            default:
                measured.Add(new LoadedPiece("zero page", BootParams.Write(memory, kernel.SetupHeader, initrdRange, rsdp)));
                cr3 = BootPageTables.Write(memory, out GpaRange tables);
                measured.Add(new LoadedPiece("page tables", tables));
                break;
        }

        GpaRange gdt = BootGdt.Write(memory);
        measured.Add(new LoadedPiece("GDT", gdt));
        BootRegisters registers = new(
            placement.Protocol,
            placement.Entry,
            Rsi: placement.Protocol == BootProtocol.Linux64 ? GuestLayout.ZeroPageAddress : 0,
            Rbx: placement.Protocol == BootProtocol.Linux64 ? 0 : GuestLayout.StartInfoAddress,
            cr3,
            gdt.Start,
            BootGdt.Size - 1)
        {
            Rax = placement.Protocol == BootProtocol.Multiboot32 ? MultibootInfo.LoaderMagic : 0,
        };
        return new LoadedImage(registers, initrdRange, measured);
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
}
