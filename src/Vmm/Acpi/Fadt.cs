using System.Buffers.Binary;
using KvmSevVmm.Vmm.Devices;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>The fixed description: a hardware-reduced machine, with its sleep and reset registers and its legacy devices.</summary>
/// <remarks>Source: ACPI 6.4, 5.2.9, "Fixed ACPI Description Table (FADT)".</remarks>
internal static class Fadt
{
    /// <summary>Where the 64-bit address of the DSDT stands.</summary>
    internal const int XDsdtOffset = 140;

    private const byte Revision = 6;
    private const byte MinorRevision = 4;
    private const int Length = 276;
    private const int BootArchitectureOffset = 109;
    private const int FlagsOffset = 112;
    private const int ResetRegisterOffset = 116;
    private const int ResetValueOffset = 128;
    private const int MinorRevisionOffset = 131;
    private const int SleepControlOffset = 244;
    private const int SleepStatusOffset = 256;

    // IAPC_BOOT_ARCH: there is a serial port, there is a keyboard controller, there is no VGA; and a CMOS clock, whose bit says "absent".
    private const ushort LegacyDevices = 1 << 0;
    private const ushort KeyboardController = 1 << 1;
    private const ushort NoVga = 1 << 2;

    private const uint WbinvdWorks = 1 << 0;
    private const uint NoFixedPowerButton = 1 << 4;
    private const uint NoFixedSleepButton = 1 << 5;
    private const uint NoFixedRtcWake = 1 << 6;
    private const uint ResetRegisterSupported = 1 << 10;
    private const uint Headless = 1 << 12;
    private const uint HardwareReduced = 1 << 20;

    private const byte SystemIoSpace = 1;
    private const byte ByteAccess = 1;

    /// <summary>Makes the table. The address of the DSDT, at <see cref="XDsdtOffset"/>, is left to whoever places the tables.</summary>
    internal static byte[] Create()
    {
        // The body is laid out by offsets from the table's start, as the specification gives them.
        Span<byte> table = stackalloc byte[Length];
        table.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(table[BootArchitectureOffset..], LegacyDevices | KeyboardController | NoVga);
        BinaryPrimitives.WriteUInt32LittleEndian(
            table[FlagsOffset..],
            WbinvdWorks | NoFixedPowerButton | NoFixedSleepButton | NoFixedRtcWake | ResetRegisterSupported | Headless | HardwareReduced);
        WritePort(table[ResetRegisterOffset..], ResetPort.ResetControlPort);
        table[ResetValueOffset] = ResetPort.ResetNow;
        table[MinorRevisionOffset] = MinorRevision;
        WritePort(table[SleepControlOffset..], SleepControl.ControlPort);
        WritePort(table[SleepStatusOffset..], SleepControl.StatusPort);
        return AcpiTable.Create("FACP", Revision, table[AcpiTable.HeaderSize..]);
    }

    /// <summary>Writes a generic address structure for a port of one byte.</summary>
    private static void WritePort(Span<byte> structure, ushort port)
    {
        structure[0] = SystemIoSpace;
        structure[1] = 8; // bits
        structure[2] = 0; // bit offset
        structure[3] = ByteAccess;
        BinaryPrimitives.WriteUInt64LittleEndian(structure[4..], port);
    }
}
