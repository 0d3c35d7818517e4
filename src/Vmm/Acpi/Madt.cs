using System.Buffers;
using System.Buffers.Binary;
using KvmSevVmm.Vmm.Memory;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>The processors and the interrupt controllers: what KVM's in-kernel ones are.</summary>
/// <remarks>
/// ISA interrupt n is the I/O APIC's input n without exception, as KVM's standard routing has it: there is no override. Source: ACPI 6.4,
/// 5.2.12, "Multiple APIC Description Table (MADT)".
/// </remarks>
internal static class Madt
{
    private const byte Revision = 5;
    private const uint HasLegacyPic = 1;
    private const uint Enabled = 1;
    private const byte AllProcessors = 0xFF;
    private const byte NmiInput = 1;

    /// <summary>Makes the table.</summary>
    /// <param name="vcpuCount">Processors, whose APIC ids count from 0; at most 255.</param>
    internal static byte[] Create(int vcpuCount)
    {
        ArrayBufferWriter<byte> body = new();
        Span<byte> entry = stackalloc byte[12];

        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)GuestLayout.LocalApicAddress);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], HasLegacyPic);
        body.Write(entry[..8]);

        for (int index = 0; index < vcpuCount; index++)
        {
            entry[0] = 0; // processor local APIC
            entry[1] = 8;
            entry[2] = checked((byte)index); // processor UID
            entry[3] = (byte)index; // APIC id
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], Enabled);
            body.Write(entry[..8]);
        }

        entry[0] = 1; // I/O APIC
        entry[1] = 12;
        entry[2] = 0; // its id, which is what KVM's reports
        entry[3] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], (uint)GuestLayout.IoApicAddress);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], 0); // its first interrupt
        body.Write(entry);

        entry[0] = 4; // local APIC NMI
        entry[1] = 6;
        entry[2] = AllProcessors;
        entry[3] = 0; // polarity and trigger as the bus has them
        entry[4] = 0;
        entry[5] = NmiInput;
        body.Write(entry[..6]);
        return AcpiTable.Create("APIC", Revision, body.WrittenSpan);
    }
}
