using System.Buffers.Binary;
using System.Text;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>The script by which firmware puts the ACPI tables into memory: allocate, fill in the addresses, make the checksums.</summary>
/// <remarks>
/// Source: QEMU, hw/acpi/bios-linker-loader.c: commands of 128 bytes: u32 command, then for ALLOCATE file[56], alignment u32, zone u8; for
/// ADD_POINTER pointing file[56], file pointed to[56], offset u32, size u8; for ADD_CHECKSUM file[56], offset u32, start u32, length u32.
/// </remarks>
internal static class AcpiTableLoader
{
    /// <summary>The fw_cfg file with the RSDP.</summary>
    internal const string RsdpFile = "etc/acpi/rsdp";

    /// <summary>The fw_cfg file with the other tables.</summary>
    internal const string TablesFile = "etc/acpi/tables";

    /// <summary>The fw_cfg file with the script.</summary>
    internal const string CommandsFile = "etc/table-loader";

    private const int CommandSize = 128;
    private const int NameSize = 56;
    private const int FirstName = 4;
    private const int AfterFirstName = FirstName + NameSize;
    private const int AfterSecondName = AfterFirstName + NameSize;
    private const uint Allocate = 1;
    private const uint AddPointer = 2;
    private const uint AddChecksum = 3;
    private const byte AnywhereBelow4GiB = 1;
    private const byte BiosArea = 2;

    /// <summary>Makes the script.</summary>
    /// <param name="acpi">The tables.</param>
    internal static byte[] Create(AcpiTables acpi)
    {
        byte[] script = new byte[(2 + acpi.Pointers.Count + acpi.Checksums.Count) * CommandSize];
        Span<byte> rest = script;
        WriteAllocate(Next(ref rest), RsdpFile, BiosArea);
        WriteAllocate(Next(ref rest), TablesFile, AnywhereBelow4GiB);
        foreach (AcpiPointer pointer in acpi.Pointers)
        {
            Span<byte> command = Next(ref rest);
            BinaryPrimitives.WriteUInt32LittleEndian(command, AddPointer);
            WriteName(command[FirstName..], NameOf(pointer.Block));
            WriteName(command[AfterFirstName..], TablesFile);
            BinaryPrimitives.WriteUInt32LittleEndian(command[AfterSecondName..], (uint)pointer.Offset);
            command[AfterSecondName + sizeof(uint)] = sizeof(ulong);
        }

        // After all pointers, in the given order: one may cover another.
        foreach (AcpiChecksum checksum in acpi.Checksums)
        {
            Span<byte> command = Next(ref rest);
            BinaryPrimitives.WriteUInt32LittleEndian(command, AddChecksum);
            WriteName(command[FirstName..], NameOf(checksum.Block));
            BinaryPrimitives.WriteUInt32LittleEndian(command[AfterFirstName..], (uint)checksum.Offset);
            BinaryPrimitives.WriteUInt32LittleEndian(command[(AfterFirstName + 4)..], (uint)checksum.Start);
            BinaryPrimitives.WriteUInt32LittleEndian(command[(AfterFirstName + 8)..], (uint)checksum.Length);
        }

        return script;
    }

    private static string NameOf(AcpiBlock block) => block == AcpiBlock.Rsdp ? RsdpFile : TablesFile;

    private static Span<byte> Next(ref Span<byte> rest)
    {
        Span<byte> command = rest[..CommandSize];
        rest = rest[CommandSize..];
        return command;
    }

    private static void WriteAllocate(Span<byte> command, string file, byte zone)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(command, Allocate);
        WriteName(command[FirstName..], file);
        BinaryPrimitives.WriteUInt32LittleEndian(command[AfterFirstName..], AcpiTables.Alignment);
        command[AfterFirstName + sizeof(uint)] = zone;
    }

    private static void WriteName(Span<byte> field, string name) => Encoding.ASCII.GetBytes(name, field[..NameSize]);
}
