using System.Buffers;
using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Acpi;

/// <summary>Encodes a device's resources as the buffer of its _CRS.</summary>
/// <remarks>Source: ACPI 6.4, chapter 6.4.</remarks>
internal static class ResourceTemplate
{
    private const byte IoTag = 0x47;
    private const byte Decode16 = 1;
    private const byte EndTag = 0x79;
    private const byte Memory32FixedTag = 0x86;
    private const byte Memory32FixedLength = 9;
    private const byte ReadWrite = 1;
    private const byte ExtendedInterruptTag = 0x89;
    private const byte ExtendedInterruptLength = 6;
    private const byte Consumer = 1 << 0;
    private const byte EdgeTriggered = 1 << 1;

    /// <summary>Encodes resources.</summary>
    /// <param name="resources">The resources.</param>
    /// <exception cref="ArgumentException">A window lies above 4 GiB.</exception>
    internal static byte[] Encode(IReadOnlyList<AcpiResource> resources)
    {
        ArrayBufferWriter<byte> bytes = new();
        foreach (AcpiResource resource in resources)
        {
            switch (resource)
            {
                case AcpiResource.Registers registers:
                    Encode(bytes, registers);
                    break;
                case AcpiResource.Ports ports:
                    Encode(bytes, ports);
                    break;
                case AcpiResource.Interrupt interrupt:
                    Encode(bytes, interrupt);
                    break;
                default:
                    throw new ArgumentException($"There is no descriptor for {resource}.", nameof(resources));
            }
        }

        // A checksum of 0 stands for any.
        ReadOnlySpan<byte> end = [EndTag, 0];
        bytes.Write(end);
        return bytes.WrittenSpan.ToArray();
    }

    private static void Encode(ArrayBufferWriter<byte> bytes, AcpiResource.Registers registers)
    {
        if (registers.Window.End.Value > 1UL << 32)
        {
            throw new ArgumentException($"{registers.Window} does not lie below 4 GiB.", nameof(registers));
        }

        Span<byte> descriptor = stackalloc byte[3 + Memory32FixedLength];
        descriptor[0] = Memory32FixedTag;
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[1..], Memory32FixedLength);
        descriptor[3] = ReadWrite;
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[4..], (uint)registers.Window.Start.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], (uint)registers.Window.Length);
        bytes.Write(descriptor);
    }

    private static void Encode(ArrayBufferWriter<byte> bytes, AcpiResource.Ports ports)
    {
        Span<byte> descriptor = stackalloc byte[8];
        descriptor[0] = IoTag;
        descriptor[1] = Decode16;
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[2..], ports.First);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[4..], ports.First);
        descriptor[6] = 1; // alignment
        descriptor[7] = ports.Count;
        bytes.Write(descriptor);
    }

    private static void Encode(ArrayBufferWriter<byte> bytes, AcpiResource.Interrupt interrupt)
    {
        Span<byte> descriptor = stackalloc byte[3 + ExtendedInterruptLength];
        descriptor[0] = ExtendedInterruptTag;
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[1..], ExtendedInterruptLength);
        descriptor[3] = (byte)(Consumer | (interrupt.Trigger == InterruptTrigger.Edge ? EdgeTriggered : 0));
        descriptor[4] = 1; // one interrupt
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[5..], interrupt.Gsi);
        bytes.Write(descriptor);
    }
}
