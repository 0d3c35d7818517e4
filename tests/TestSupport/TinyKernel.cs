using System.Buffers.Binary;
using Iced.Intel;

namespace KvmSevVmm.TestSupport;

/// <summary>An ELF file of a few instructions that kvmsev boots like a kernel, in 64-bit mode at 2 MiB.</summary>
public static class TinyKernel
{
    /// <summary>Where the code lies and is entered.</summary>
    public const ulong Entry = 0x20_0000;

    private const int HeaderBytes = 64;
    private const int ProgramHeaderBytes = 56;
    private const int CodeOffset = 0x1000;

    /// <summary>Makes the file.</summary>
    /// <param name="code">Writes the code.</param>
    public static byte[] Create(Action<Assembler> code)
    {
        Assembler assembler = new(64);
        code(assembler);
        using MemoryStream bytes = new();
        _ = assembler.Assemble(new StreamCodeWriter(bytes), Entry);
        return Create(bytes.ToArray());
    }

    /// <summary>Makes the file out of machine code.</summary>
    /// <param name="code">The code.</param>
    public static byte[] Create(ReadOnlySpan<byte> code)
    {
        byte[] file = new byte[CodeOffset + code.Length];
        Span<byte> header = file;
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[16..], 2); // ET_EXEC
        BinaryPrimitives.WriteUInt16LittleEndian(header[18..], 62); // EM_X86_64
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], Entry);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[54..], ProgramHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(header[56..], 1);

        Span<byte> segment = file.AsSpan(HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 1); // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(segment[4..], 7);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[8..], CodeOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[16..], Entry);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[24..], Entry);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[32..], (ulong)code.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[40..], (ulong)code.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(segment[48..], 0x1000);
        code.CopyTo(file.AsSpan(CodeOffset));
        return file;
    }
}
